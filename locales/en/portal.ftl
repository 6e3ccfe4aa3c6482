### The portal: logging in, and passwords of lines.

problem-title-login = Not logged in
problem-detail-login = The login or the password is wrong.
problem-title-no-password = No password here
problem-detail-no-password = Its phone takes no configuration and has no password here. Set it up anew instead.
problem-title-sip-password-form = Password not acceptable
problem-detail-sip-password-form = { $field }: use letters, digits and - . _ ~ ! * + , : = @ ^
