### Words on terminals and on phones' screens.

quarantine-label = New phone { $number }
quarantine-display = New phone

story-title = A new phone becomes its user's phone
story-server = The server is up: SIP on { $sip }, phones fetch their files at { $handset }, administrators work at { $admin }.
story-fetched-first = A factory-new phone asks for its file by hardware address and gets a quarantine line: { $bytes } bytes in { $took } ms.
story-fetched-own = It fetches its own file at its private address: { $bytes } bytes in { $took } ms.
story-fetch-failed = It could not fetch its file: { $status }.
story-registered = It is registered as { $number } for { $expires } seconds.
story-unregistered = It has taken back its registration as { $number }.
story-registration-failed = It could not register: { $status } { $reason }.
story-calling = It dials { $number }.
story-ringing = The other side rings.
story-answered = The call is answered ({ $codec }).
story-heard = The voice: “{ $caption }”
story-pressed = { $digits ->
    [one] One key is pressed.
   *[other] { $digits } keys are pressed.
  }
story-ended = The call has ended: { $reason }.
story-incoming = { $from } calls the phone.
story-resync = The server tells the phone to fetch its configuration ({ $event }).
story-ladder = What went over the wire, seen from the phone:
story-timeline = What the server noted:
story-verified = Done in { $seconds } seconds: the phone was seen to be { $user }'s phone, extension { $extension }.
story-failed = The phone did not become its user's phone: { $why }

try-title = The server goes on running. Try it with a phone of your own:
try-generic = A SIP phone or softphone: server { $sip }, any user name with a letter in it, such as desk-7, and any password. Dial { $number } when it is registered.
try-handset = A phone that fetches its configuration (AudioCodes 4xxHD, Yealink T4x/T5x): give it { $url } as its configuration server.
try-users = Say who it is for:
try-user = { $name }: self-service ID { $id }, PIN { $pin }, extension { $extension }
try-admin = Watch it: curl -H "Authorization: Bearer { $token }" { $url }/api/v1/enrolments
try-stop = Press Ctrl+C to stop.

step-fetched = fetched its first configuration
step-registered = registered on its temporary number
step-called = called the route point
step-identified = the caller said who they are
step-authenticated = the caller proved it
step-pin-changed = chose another PIN
step-refused = refused
step-bound = bound to its user
step-notified = took the notification
step-not-notified = could not be notified
step-fetched-again = fetched its new configuration
step-registered-again = registered on its user's extension
step-answered = answered
step-complete = complete
step-ended = ended

enrolment-ending-complete = The phone was seen to be its user's phone.
enrolment-ending-abandoned = The phone went away before anybody claimed it.
enrolment-ending-replaced = A newer enrolment of the same phone took its place.
enrolment-ending-not-reachable = The phone was assigned, but could not be told to fetch its configuration.
enrolment-ending-did-not-fetch = The phone was told to fetch its configuration, but did not.
enrolment-ending-did-not-register = The phone fetched its configuration, but did not register on its extension.
enrolment-remedy-complete = Nothing to do.
enrolment-remedy-abandoned = Connect the phone again and dial the route point.
enrolment-remedy-replaced = Nothing to do; look at the newer enrolment.
enrolment-remedy-not-reachable = Restart the phone; it fetches its configuration when it starts.
enrolment-remedy-did-not-fetch = Restart the phone. If it still does not fetch, check that it reaches the handset door.
enrolment-remedy-did-not-register = Check on the phone why the registration fails; release the phone and enrol it again.
