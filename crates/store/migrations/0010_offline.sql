-- 离线办理: phones that keep what their owner may see and record what she does, without signal.
-- Read for a past day: never; what was sent stands in the record that it became. A merge and a split of children leave it alone: a record names a
-- case, which follows. A relocation leaves it alone. Kept: a device until it is ended, a record's words until they are settled, its row as long
-- as what it became. After a restore a phone that was enrolled later enrols anew, and what it had sent comes once more under its own key.
CREATE TABLE offline_device (
  id {id},
  account_id BIGINT NOT NULL REFERENCES account (id),
  -- digest of the cookie of the browser
  browser {bytes},
  -- what its owner calls it, and the key that its records are signed with: sealed
  name {bytes} NOT NULL,
  secret {bytes} NOT NULL,
  enrolled_at BIGINT NOT NULL,
  -- when its owner was last there with a full session
  renewed_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  -- what it kept to read until then is to be dropped: logged out, or ended
  dropped_at BIGINT NOT NULL,
  ended_at BIGINT,
  ended_by BIGINT
);
CREATE INDEX offline_device_account ON offline_device (account_id);

-- 收件密钥: records are sealed to the newest one
CREATE TABLE offline_key (
  id {id},
  public {bytes} NOT NULL,
  private {bytes} NOT NULL,
  made_at BIGINT NOT NULL
);

-- 手机记录: as it came. Held until it became what it says, or somebody put it aside.
CREATE TABLE offline_record (
  id {id},
  -- 128 random bits made where it was recorded
  key TEXT NOT NULL UNIQUE,
  device_id BIGINT NOT NULL REFERENCES offline_device (id),
  account_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  -- of what was sent: another text under the same key is refused
  digest TEXT NOT NULL,
  -- the case that it is about, for whoever looks after it when its author cannot
  case_id BIGINT,
  -- the class of a roll, for the same
  place_path {path},
  -- sealed; empty once it became what it says
  body {bytes} NOT NULL,
  state TEXT NOT NULL,
  -- why it waits: sealed
  said {bytes} NOT NULL,
  received_at BIGINT NOT NULL,
  settled_at BIGINT,
  settled_by BIGINT
);
CREATE INDEX offline_record_waiting ON offline_record (account_id) WHERE state = 'held';
CREATE INDEX offline_record_case ON offline_record (case_id) WHERE state = 'held';

-- 手机照片: what a record promised to send after it
CREATE TABLE offline_part (
  record_id BIGINT NOT NULL REFERENCES offline_record (id),
  n BIGINT NOT NULL,
  digest TEXT NOT NULL,
  role TEXT NOT NULL,
  file_id BIGINT REFERENCES file (id),
  PRIMARY KEY (record_id, n)
);

-- photos and signatures of a visit that are still on the phone
ALTER TABLE contact ADD COLUMN awaited BIGINT NOT NULL DEFAULT 0;
