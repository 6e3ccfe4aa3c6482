### Errors of the API, as RFC 9457 has them: a title for each kind, and what is wrong and what to do.

problem-title-unauthorized = Not authorized
problem-detail-unauthorized = Give a valid token in the header Authorization: Bearer …
problem-title-forbidden = Not allowed
problem-detail-forbidden = This takes a token that may { $needed ->
    [view] see
    [operate] operate the service
   *[administer] administer
  }; ask an administrator for one.
problem-title-not-found = Not found
problem-detail-not-found = There is nothing of this name or identifier here. A list shows what there is.
problem-title-method-not-allowed = Not possible here
problem-detail-method-not-allowed = This can't be done here; the header Allow says what can.
problem-title-too-many = Too many requests
problem-detail-too-many = Wait { $seconds } s and try again.
problem-title-failed = Not now
problem-detail-failed = The server could not do this now; its log says why.
problem-title-too-large = Too large
problem-detail-too-large = The body is larger than 2 MiB; send less at once.
problem-title-unsupported = Unsupported body
problem-detail-unsupported = Send JSON, with the header Content-Type: application/json.
problem-title-taken = Already used
problem-detail-taken = { $field }: “{ $value }” is already used; choose another.
problem-title-outdated = Changed meanwhile
problem-detail-outdated = It has changed since it was read; read it again, and then change it.
problem-title-in-use = In use
problem-detail-in-use = It is in use by { $names }; take it away there first.

problem-title-form = Not acceptable
problem-detail-form = { $field }: { $fault }
problem-detail-form-name = { $field }: give 1 to 128 printable characters.
problem-detail-form-directory-number = { $field }: a directory number is 1 to 24 of 0-9, * and #, with an optional leading +.
problem-detail-form-self-service-id = { $field }: a self-service ID is 1 to 20 digits.
problem-detail-form-language = { $field }: write a language as BCP 47 has it, such as ja, en or pt-BR.
problem-detail-form-device-limit = { $field }: give a number from 0 to 20.
problem-detail-form-instant = { $field }: write an instant as RFC 3339 has it, such as 2026-11-01T08:30:00Z.

problem-title-pin-form = PIN not acceptable
problem-detail-pin-form = The PIN is not of the length asked for, or has something besides the digits 0-9.
problem-title-pin-trivial = PIN too easy to guess
problem-detail-pin-trivial = Take digits that are not all equal, not in a row, and not the user's own number or ID.
problem-title-password-length = Password not acceptable
problem-detail-password-length = The password is too short or too long: { $fault }.
problem-title-unknown-record = Not acceptable
problem-detail-unknown-record = { $field }: there is none of this name. Create it first, or name one that exists.
problem-title-number-taken = Number already used
problem-detail-number-taken = { $field }: { $fault }. Choose another number, or take it away there first.

problem-title-service = The service can't run
problem-detail-service = The service goes on as it was: { $reason ->
    [no-route-point] no route point is selected
    [no-number] no number is assigned to the route point “{ $name }”
    [no-application-user] no application user is selected
    [no-cti-role] the application user “{ $name }” lacks the role “Standard CTI Enabled”
    [no-credentials] the application user “{ $name }” has no password
   *[unspoken] there are no recordings in { $name }
  }. Mend that and try again.
problem-title-code-missing = Authentication code missing
problem-detail-code-missing = The authentication mode needs an authentication code: give 1 to 20 digits.
problem-detail-form-languages = Selected Language should contain at least one language, and at most nine, each once.
problem-title-last-administrator = The only administrator
problem-detail-last-administrator = { $field }: it is the only token that administers; make another one first, or nobody could.
