### Words spoken by the voice, English.
###
### A term (`-name`) is one recording: its text is what prompts/en/name.flac says.
### A message is a sentence: recordings and spoken digits, in the order this language wants them.
### DIGITS($x) reads a number key by key, with the recordings digit-0 to digit-9, digit-star and digit-pound.
### Punctuation and spaces between recordings make no sound; they are there for captions. Letters can't stand there.

-digit-0 = zero
-digit-1 = one
-digit-2 = two
-digit-3 = three
-digit-4 = four
-digit-5 = five
-digit-6 = six
-digit-7 = seven
-digit-8 = eight
-digit-9 = nine
-digit-star = star
-digit-pound = pound

-welcome = Welcome. This call connects your new phone to you.
-language-lead = For English, press
-ask-id = Please enter your self-service I D, then press the pound key.
-help-id = I did not hear anything. Your self-service I D is the number your administrator gave you. Enter it on the keypad, then press the pound key. To start again, press star.
-confirm-lead = You entered
-confirm-tail = If this is correct, press the pound key. To enter it again, press star.
-help-confirm = I did not hear anything. Press the pound key if the number is correct, or star to enter it again.
-ask-pin = Please enter your PIN, then press the pound key.
-ask-pin-or-code = Please enter your PIN, or the administrator's authentication code, then press the pound key.
-ask-code = Please enter the administrator's authentication code, then press the pound key.
-help-pin = I did not hear anything. Enter your PIN on the keypad, then press the pound key. To start again, press star.
-help-code = I did not hear anything. Enter the code on the keypad, then press the pound key. To start again, press star.
-entry-too-long = That number is too long.
-checking = One moment, please.
-wrong-credentials = The I D or the PIN is not correct. Please try again.
-too-many-tries = The I D or the PIN is not correct. Please check both, and dial again.
-locked-out = There were too many wrong attempts. Please wait a few minutes and dial again, or contact the system administrator.
-not-enabled = Self-provisioning is not enabled for this account. Please ask the system administrator to allow it.
-no-primary-extension = This account has no primary extension. Please ask the system administrator to assign one, and dial again.
-no-device-template = This device could not be associated to your account. Please contact the system administrator to complete provisioning.
-device-limit = You already have as many phones as your account allows. Please ask the system administrator to remove one, and dial again.
-already-provisioned = This phone already belongs to a user. To give it to someone else, please ask the system administrator to release it.
-phone-unknown = This phone can not be set up from here. Please connect it again, wait until it shows a number, and dial once more.
-not-now = We could not finish just now. Nothing was changed. Please dial again in a few minutes.
-service-closing = We are sorry. This service is closing for a moment. Please dial again in a few minutes.
-no-answer = I did not hear an answer. Please dial again when you are ready.
-call-too-long = This call has reached its time limit. Please dial again.
-extension-lead = Thank you. Your extension is
-next-restart = Your phone will now fetch its settings, and may restart. You can hang up.
-next-ready = Your phone is ready to use. You can hang up.
-goodbye = Goodbye.
-ring-back-lead = Hello. This phone is now ready. Its extension is

welcome = { -welcome }
language-choice = { -language-lead } { DIGITS($key) }.
ask-id = { -ask-id }
help-id = { -help-id }
confirm-id = { -confirm-lead } { DIGITS($id) }. { -confirm-tail }
help-confirm = { -help-confirm }
ask-pin = { -ask-pin }
ask-pin-or-code = { -ask-pin-or-code }
ask-code = { -ask-code }
help-pin = { -help-pin }
help-code = { -help-code }
entry-too-long = { -entry-too-long }
checking = { -checking }
wrong-credentials = { -wrong-credentials }
too-many-tries = { -too-many-tries } { -goodbye }
locked-out = { -locked-out } { -goodbye }
not-enabled = { -not-enabled } { -goodbye }
no-primary-extension = { -no-primary-extension } { -goodbye }
no-device-template = { -no-device-template } { -goodbye }
device-limit = { -device-limit } { -goodbye }
already-provisioned = { -already-provisioned } { -goodbye }
phone-unknown = { -phone-unknown } { -goodbye }
not-now = { -not-now } { -goodbye }
service-closing = { -service-closing } { -goodbye }
no-answer = { -no-answer } { -goodbye }
too-long = { -call-too-long } { -goodbye }
bound-restart = { -extension-lead } { DIGITS($extension) }. { -next-restart } { -goodbye }
bound-ready = { -extension-lead } { DIGITS($extension) }. { -next-ready } { -goodbye }
ring-back = { -ring-back-lead } { DIGITS($extension) }.
