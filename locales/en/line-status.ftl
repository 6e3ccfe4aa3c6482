### Lines' status: the state (line-state-), why (line-reason-), what to do (line-remedy-), the type (line-type-).

line-state-registered = The line is registered.
line-state-not-registered = The line is not registered!
line-state-not-supported = Status is not supported for lines of this type.

line-type-desk-phone = Desk phone
line-type-smartphone = Smartphone
line-type-softphone = Softphone
line-type-video-phone = Video phone
line-type-sip-trunk = SIP trunk
line-type-ip-trunk = SIP trunk (known by its IP address)
line-type-virtual = Virtual line (forwarding, conference room, announcement)

line-reason-registered = It was registered.
line-reason-unregistered = The phone took its registration back.
line-reason-never-received = Last REGISTER received: none was ever received.
line-reason-never-registered = A REGISTER was received, but the line was never registered.
line-reason-not-supported = Lines of this type need no authentication and do not register.
line-reason-wrong-password = The password in a REGISTER or INVITE was wrong, so its authentication failed.
line-reason-unknown-user = The authentication name in a REGISTER or INVITE is nobody's, so its authentication failed.
line-reason-wrong-network = A REGISTER or INVITE came from a network that is not allowed.
line-reason-other-address = A phone without a password came from another address than the one it was first seen at.
line-reason-suspended = Its user is inactive, so it may do nothing.
line-reason-shut-out = After too many wrong passwords, none is looked at for a time.
line-reason-wrong-number = The phone asked to register a number that is not its own.
line-reason-too-many-contacts = More phones asked to be registered on the number than may be.
line-reason-malformed = A REGISTER could not be taken as it was written.
line-reason-wrong-algorithm = The phone used a digest algorithm it was not offered.
line-reason-stale-nonce = The phone keeps answering with an old nonce.
line-reason-challenge-unanswered = A REGISTER was received, but the phone did not answer when asked for its password (401).
line-reason-nat-mapping-changed = The address or port the phone is seen at (its NAT mapping) has changed.
line-reason-expired = No REGISTER came before the registration ended.
line-reason-renumbered = The line has a new number, and the phone has not registered with it yet.
line-reason-not-admitted = A phone nobody knows was not let in.
line-reason-flapping = It is registered and lost again and again.
line-reason-steady = It has come to rest.

line-remedy-never-received = Check that the phone is connected to the network. If it is, the user name or the server name set in the phone may be wrong: check its settings.
line-remedy-never-registered = Check the user name and the password set in the phone.
line-remedy-unregistered = Check that the phone is switched on and its account is active.
line-remedy-wrong-password = The password set in the phone may be wrong. If you don't know it, overwrite it with a new one; the phone fetches it, or set it in the phone.
line-remedy-unknown-user = Check the authentication name set in the phone; it may differ from the extension.
line-remedy-wrong-network = Connect the phone to a network that is allowed, or allow that network in the settings.
line-remedy-other-address = Take the phone back to its network, or release it and connect it anew.
line-remedy-suspended = Make the user active.
line-remedy-shut-out = Mend the password and wait, or have an administrator lift it.
line-remedy-wrong-number = Check the number set in the phone.
line-remedy-too-many-contacts = Unregister phones that are not used, or wait until their registrations end.
line-remedy-malformed = Update the phone's firmware. If that doesn't help, look at the SIP it sends.
line-remedy-wrong-algorithm = Have the device template offer a digest algorithm the phone knows.
line-remedy-stale-nonce = Restart the phone. Check its clock, and routers on the way that meddle with SIP (SIP ALG).
line-remedy-challenge-unanswered = Check that a password is set in the phone, and that no router or firewall holds back the server's answers (switch SIP ALG off).
line-remedy-nat-mapping-changed = If it happens often, switch on keep-alives in the phone, or have it register more often.
line-remedy-expired = Check that the phone is switched on and connected to the network.
line-remedy-renumbered = The phone fetches its settings by itself. If nothing changes within minutes, restart it.
line-remedy-not-admitted = If the phone is to be let in, switch auto-registration on and see that its range has numbers left. Otherwise set the name and the password of its line in the phone.
line-remedy-flapping = The phone's network (wireless, cable, router) is not stable. Check too that there are not two phones with the same settings.

problem-title-time-zone = No such time zone
problem-detail-time-zone = { $field }: there is no time zone “{ $value }”. Name one as the IANA database does, such as Asia/Tokyo or UTC.
problem-title-ambiguous = Not clear which
problem-detail-ambiguous = “{ $name }” fits several. Give the identifier of one: { $names }
