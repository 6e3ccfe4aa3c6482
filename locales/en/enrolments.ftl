### Enrolments by an administrator: why one can't be started, cancelled or undone, and what is noted of them.

problem-title-enrolment = This can't be done with the enrolment
problem-detail-enrolment = { $reason ->
    [not-enabled] Self-provisioning is not enabled for the user, or the user is inactive. Allow it in the user profile.
    [no-primary-extension] The user has no primary extension. Assign one.
    [no-device-template] The user's profile has no universal device template. Choose one there.
    [device-limit] The user already has as many phones as the user profile allows. Release one, or raise the limit.
    [already-provisioned] The phone already belongs to a user. Release it first, or give "rebind": true.
    [phone-unknown] This phone is not waiting to be claimed. Connect it again and let it register.
    [locked-out] There were too many wrong attempts. Wait until the lockout ends, or lift it.
    [no-such-phone] There is no phone with the identifier, hardware address or temporary number “{ $name }”. The list of phones shows what there is.
    [several-phones] Several phones wait with “{ $name }”: { $names }. Name one by its identifier.
    [no-such-user] There is no user with the user ID, self-service ID or extension “{ $name }”. The list of users shows who there is.
    [several-users] Several users have “{ $name }”: { $names }. Give a user ID only one of them has.
    [ended] The enrolment has ended already. If the phone was given to its user not long ago, undo it.
    [not-bound] The phone was not given to anybody in this enrolment. If it is open, cancel it.
    [undone] The enrolment was undone already.
    [too-late] The phone was given to its user more than { $seconds } s ago. Release the phone instead.
    [changed-since] The phone was released or given to somebody else since then. Look at its newest enrolment.
    [no-number] No temporary number is free for the phone. Release the phone instead.
   *[other] Look at its timeline.
  }

step-cancelled = cancelled by an administrator
step-undone = undone by an administrator
enrolment-ending-cancelled = An administrator cancelled the enrolment.
enrolment-ending-undone = An administrator undid the assignment.
enrolment-remedy-cancelled = Nothing to do. To give the phone to somebody, dial the route point from it again.
enrolment-remedy-undone = Nothing to do. To give the phone to somebody, dial the route point from it again.
dialogue-ending-called-off = An administrator cancelled or undid the enrolment during the call.
