-- 待复核: changes of accounts that open children's data wait for a second person
CREATE TABLE account_request (
  id {id},
  account_id BIGINT NOT NULL REFERENCES account (id),
  kind TEXT NOT NULL,
  -- roles with their places, one a line
  grants TEXT NOT NULL,
  -- a password that the owner chose, as a hash, and whether her second factor goes too
  password_hash TEXT,
  forget_factor BIGINT NOT NULL,
  -- what the owner reads out, sealed; wrong ones are counted
  code {bytes},
  wrong_codes BIGINT NOT NULL,
  -- the network from which the owner asked
  address TEXT NOT NULL,
  state TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  -- who vouched for it first
  vouched_by BIGINT,
  vouched_at BIGINT,
  decided_by BIGINT,
  decided_at BIGINT,
  expires_at BIGINT NOT NULL
);
CREATE INDEX account_request_state ON account_request (state, id);
CREATE INDEX account_request_account ON account_request (account_id, state);

-- 告知: what the owner of an account is told at her next log-in
CREATE TABLE account_notice (
  id {id},
  account_id BIGINT NOT NULL REFERENCES account (id),
  at BIGINT NOT NULL,
  text {bytes} NOT NULL,
  read_at BIGINT
);
CREATE INDEX account_notice_account ON account_notice (account_id, read_at);

-- 常用设备: a browser in which the account has logged in before, by the digest of its cookie
CREATE TABLE device (
  digest {bytes} NOT NULL,
  account_id BIGINT NOT NULL REFERENCES account (id),
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (digest, account_id)
);
CREATE INDEX device_account ON device (account_id);

-- failures are counted by network and device, not by account: nobody locks another out
ALTER TABLE account DROP COLUMN failed_log_ins;
ALTER TABLE account DROP COLUMN locked_until;
-- until when a password that somebody else has seen can be used
ALTER TABLE account ADD COLUMN first_until BIGINT;
-- the second factor that was offered in a session and is not yet set up: sealed
ALTER TABLE session ADD COLUMN totp_offer {bytes};

-- name of the file, who of a department handed it over, what was said of its columns (which may be people in a head row that was misread): sealed
ALTER TABLE batch ADD COLUMN said {bytes};
-- which rosters a run used, by their files' names: sealed
ALTER TABLE run ADD COLUMN rosters {bytes};

-- what was said of headings, found by a keyed digest; the heading is sealed
CREATE TABLE heading (
  scope_path {path} NOT NULL,
  source TEXT NOT NULL,
  token BIGINT NOT NULL,
  said {bytes} NOT NULL,
  field TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL,
  PRIMARY KEY (scope_path, source, token)
);

-- 审计: every row carries a keyed digest of itself and of the one before; how many there are is counted beside
ALTER TABLE audit ADD COLUMN tag {bytes};
DROP TABLE audit_seal;
INSERT INTO counter (name, next) VALUES ('audit', 1);
INSERT INTO counter (name, next) VALUES ('audit-heads', 0);
