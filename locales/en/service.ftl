### The self-provisioning service and its settings.

service-ready = Ready
service-off = Off: { $names }
service-name-auto-registration = Auto-registration
service-name-self-provisioning = Self-Provisioning IVR service
service-saved = Save successful
service-saved-restarted = Save successful. Self-Provisioning IVR service restarted successfully
service-saved-restart-failed = Save successful. Failed to restart Self-Provisioning IVR service.
service-checked = The settings were checked and not saved.
service-instruction = Dial { $numbers } from the phone to assign an extension.

service-fault-no-route-point = No route point is selected. Choose one.
service-fault-no-number = No DN is assigned to the Route Point. Please assign a DN to the Route Point.
service-fault-no-application-user = No application user is selected. Self-Provisioning IVR service will not work. Choose one.
service-fault-no-cti-role = "Standard CTI Enabled" role is not assigned for this application user. Self-Provisioning IVR service will not work.
service-fault-no-credentials = Valid credentials not set for this application User. Self-Provisioning IVR service will not work.
service-fault-unspoken = There are no recordings in { $name }. Choose languages that are installed.
service-fault-no-authentication = Nobody has to prove who they are. This mode is not recommended for everyday use.
service-fault-failed = The server's log says why.
service-codec-left-out = A chosen language has no recordings in { $name }; calls are taken in the other codecs.
