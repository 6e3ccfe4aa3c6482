### Why a line is down, where the way to the server is at fault: certificates, proxies.

line-reason-certificate-refused = The certificate a phone showed within TLS is not good here, or it showed none where one is required.
line-reason-server-certificate-refused = A phone does not take the certificate this server shows within TLS.
line-reason-first-hop-lacks-outbound = The phone asked for several flows (Outbound), and the proxy next to it does not do its part (439).

line-remedy-certificate-refused = Give the phone a certificate of an authority that tls.client_authorities names, and check that it has not expired and the phone's clock is right. If phones needn't show one, set tls.client_certificates to "optional" or "off".
line-remedy-server-certificate-refused = Put the authority of the server's certificate into the phone, have it reach the server by a name that is in the certificate, and check its clock. `tsunagu doctor` says how long the certificate is good for.
line-remedy-first-hop-lacks-outbound = Switch Outbound (RFC 5626) off in the phone, or on in the proxy it registers through.
