### What `tsunagu doctor` finds of the certificate phones see.

doctor-certificates-not-looked-at = The certificate was not looked at; --config says which one it is.
doctor-certificate = The certificate { $file } ({ $names }) is good until { $until }.
doctor-certificate-unusable = The certificate can't be used: { $why }
doctor-certificate-unusable-remedy = See that tls.certificate and tls.key are PEM files that belong together and that the server may read them.
doctor-certificate-expired = The certificate { $file } expired at { $until }.
doctor-certificate-expired-remedy = Put a new one and its key in the place of the files: the server takes them up by itself.
doctor-certificate-expires = The certificate { $file } expires in { $days } days, at { $until }.
doctor-certificate-expires-remedy = Put a new one and its key in the place of the files: the server takes them up by itself.
doctor-certificate-early = The certificate { $file } is good from { $from } on only.
doctor-certificate-early-remedy = See whether this machine's clock is right.
doctor-transports = These ports answer within TLS or as WebSockets, with the certificate of the file: { $ports }
doctor-transports-other-certificate = These ports show another certificate than tls.certificate has: { $ports }
doctor-transports-other-certificate-remedy = Make the server read its files anew (`systemctl reload`, or SIGHUP); its log says why it keeps the one before.
