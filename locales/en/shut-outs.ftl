### Who is kept out: why (shut-out-), and what to do (shut-out-remedy-).

shut-out-wrong-passwords = Too many wrong SIP names or passwords came. Until it is over, none from there is looked at, right or wrong.
shut-out-wrong-logins = Too many logins at the portal were wrong. Until it is over, none from there is looked at, right or wrong.
shut-out-wrong-pins = Too many IDs, PINs or codes were wrong. Until it is over, all tries are refused, right or wrong.
shut-out-flood = More SIP messages come than may. Those beyond the limit are not looked at.
shut-out-too-many-connections = The address has as many SIP connections as one address may have. No more are taken.

shut-out-remedy-wrong-passwords = Check the name and password of the phone that tries, then lift it. If nobody of yours is there, leave it: somebody is guessing.
shut-out-remedy-wrong-logins = Ask the owner of the account whether they tried; give them a new password if need be, then lift it. Otherwise leave it: somebody is guessing.
shut-out-remedy-wrong-pins = Ask the user whether they tried; give them a new PIN if need be, then lift it. Otherwise leave it: somebody is guessing.
shut-out-remedy-flood = Look what sends there: a phone that is broken, or an attacker. If it is a proxy of yours, name its network in flood.trusted.
shut-out-remedy-too-many-connections = If many phones stand behind that address, raise limits.connections_per_address. Lifting it closes the connections there over which nobody has registered or called.
