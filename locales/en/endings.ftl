### How a call to the self-provisioning service ended, for people who look at it: dialogue-ending-<code>.

dialogue-ending-bound = The phone was given to its user.
dialogue-ending-not-enabled = Self-provisioning is not enabled for the user. Allow it in the user profile.
dialogue-ending-no-primary-extension = The user has no primary extension. Assign one.
dialogue-ending-no-device-template = The user's profile has no universal device template. Choose one there.
dialogue-ending-device-limit = The user already has as many phones as the user profile allows. Release one, or raise the limit.
dialogue-ending-already-provisioned = The phone already belongs to a user. Release it first.
dialogue-ending-locked-out = There were too many wrong attempts. Wait until the lockout ends, or lift it.
dialogue-ending-phone-unknown = The call came from a phone that is not waiting to be claimed. Connect it again and let it register.
dialogue-ending-not-now = The phone could not be given to its user just now; nothing was changed. See the log, then dial again.
dialogue-ending-service-closing = The service was closing and took no new calls. Dial again when it is back.
dialogue-ending-too-many-tries = The ID or the PIN was wrong each time. Check both.
dialogue-ending-no-answer = The caller keyed in nothing. If they did, look at how the phone sends DTMF.
dialogue-ending-caller-hung-up = The caller hung up before the end.
dialogue-ending-service-closed = The service closed during the call. Dial again when it is back.
dialogue-ending-too-long = The call reached its time limit.
