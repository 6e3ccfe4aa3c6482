### The portal: logging in, and passwords of lines.

problem-title-login = Not logged in
problem-detail-login = The login or the password is wrong.
problem-title-no-password = No password here
problem-detail-no-password = Its phone takes no configuration and has no password here. Set it up anew instead.
problem-title-sip-password-form = Password not acceptable
problem-detail-sip-password-form = { $field }: use letters, digits and - . _ ~ ! * + , : = @ ^

problem-title-no-mail = No mail
problem-detail-no-mail = This server sends no mail. Ask an administrator for a new password.
problem-title-no-reminder = Not acceptable
problem-detail-no-reminder = { $field }: the token is wrong, used or too old. Ask for another reminder.

mail-reminder-subject = Your password for the portal
mail-reminder-text =
    Somebody, probably you, asked for a new password for the account { $login }.

    To set one, use this, once, until { $ends }:

    { $way }

    If it wasn't you, you needn't do anything: your password stays as it is.
