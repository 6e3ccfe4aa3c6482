-- How SIP travels, 'udp' or 'tcp': a device template says it, and a phone made from it is told so.
ALTER TABLE device_templates ADD COLUMN transport TEXT NOT NULL DEFAULT 'udp';
ALTER TABLE phones ADD COLUMN transport TEXT NOT NULL DEFAULT 'udp';

-- The password of the phone's own administrator, sealed like its SIP password. None until it is somebody's.
ALTER TABLE phones ADD COLUMN sealed_admin_password TEXT;
