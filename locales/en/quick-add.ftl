### Quick add, previews, and phones that wait for their user.

obstacle-not-enabled = The user profile does not allow end users to provision their own phones. Allow it there.
obstacle-no-primary-extension = The user has no primary extension. Give them one.
obstacle-no-device-template = The user profile has no universal device template for desk phones. Link one there.
obstacle-device-limit = The user has as many phones as the user profile allows. Raise the limit, or release a phone.

problem-title-extension-or-pool = Not acceptable
problem-detail-extension-or-pool = Give either the extension, or the number pool it comes from.
problem-title-pool-empty = No number is free
problem-detail-pool-empty = { $field }: no number of the pool is free. Widen it, or name another.
problem-title-phone-taken = Already used
problem-detail-phone-taken = { $field }: { $fault }. Release it first.
problem-title-make = Not acceptable
problem-detail-make = { $field }: give audiocodes or yealink.
problem-detail-form-mac-address = { $field }: write the address as on the phone's label, for example 00908f112233.
