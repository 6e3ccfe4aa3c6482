# How a line stands at each of two sites.
site-state-registered = Registered
site-state-not-registered = Not registered
site-state-no-line = No line of this number there
site-state-unknown = Not known
site-fault-not-set = Where the other site's API is, or its token, is not in the settings of the sites.
site-fault-unreachable = The other site's API does not answer.
site-fault-refused = The other site's API does not take the token in the settings of the sites.
site-fault-unreadable = The other site's API answers what cannot be understood. Do both sites run the same version?
