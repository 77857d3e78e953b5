-- 考勤预警. Read for a past day: registers by their day and version, warnings by their events, leave by its days. A merge of children leaves marks and
-- lists alone (they tell of that number, which leads to the child that stays) and takes leave and warnings along; a relocation takes classes and
-- warnings along. Kept: as long as case files. After a restore what phones sent since comes once more under its own keys. A withdrawn roster changes
-- lists of days to come, never those of days past.

-- 节假日: notices that are newer than the program
CREATE TABLE holiday (
  id {id},
  name TEXT NOT NULL,
  off_from TEXT NOT NULL,
  off_to TEXT NOT NULL,
  -- weekend days that are worked, with commas
  worked TEXT NOT NULL,
  source TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL
);

-- 学期, of a county
CREATE TABLE school_term (
  id {id},
  scope_path {path} NOT NULL,
  name TEXT NOT NULL,
  from_day TEXT NOT NULL,
  to_day TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL,
  ended_at BIGINT,
  ended_by BIGINT
);

-- 校历例外, of a county, town or school: the nearest place wins, there what was said last
CREATE TABLE day_exception (
  id {id},
  scope_path {path} NOT NULL,
  kind TEXT NOT NULL,
  from_day TEXT NOT NULL,
  to_day TEXT NOT NULL,
  reason TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL,
  ended_at BIGINT,
  ended_by BIGINT
);

-- 班: the pupils who are together, wherever their class is called by what name
CREATE TABLE roll_class (
  id {id},
  path {path} NOT NULL
);
CREATE INDEX roll_class_path ON roll_class (path);

-- 应到名单: who was expected; never changed, shared by all registers of that list
CREATE TABLE roll_list (
  id {id},
  class_id BIGINT NOT NULL REFERENCES roll_class (id),
  digest TEXT NOT NULL,
  -- numbers of children, with commas
  members TEXT NOT NULL,
  size BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  UNIQUE (class_id, digest)
);

-- 点名册: a register that was taken; it names only those who were not there. Its versions are its own record of who said what when.
CREATE TABLE register (
  id {id},
  class_id BIGINT NOT NULL REFERENCES roll_class (id),
  day TEXT NOT NULL,
  -- which check of the day
  part BIGINT NOT NULL,
  list_id BIGINT NOT NULL REFERENCES roll_list (id),
  version BIGINT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  taken_at BIGINT NOT NULL,
  taken_by BIGINT NOT NULL,
  -- by the clock of the phone; no order goes by it
  phone_at BIGINT,
  -- the offline device that took it, where one did; and of what was said
  device_id BIGINT,
  digest TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  -- its warnings are what it says; 0: they are still to be made so
  assessed BIGINT NOT NULL,
  UNIQUE (class_id, day, part)
);
CREATE INDEX register_assessed ON register (id) WHERE assessed = 0;
CREATE INDEX register_day ON register (day, class_id);
CREATE TABLE register_version (
  register_id BIGINT NOT NULL REFERENCES register (id),
  version BIGINT NOT NULL,
  list_id BIGINT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  taken_at BIGINT NOT NULL,
  taken_by BIGINT NOT NULL,
  phone_at BIGINT,
  device_id BIGINT,
  digest TEXT NOT NULL,
  PRIMARY KEY (register_id, version)
);
CREATE TABLE register_mark (
  register_id BIGINT NOT NULL REFERENCES register (id),
  child_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  mark BIGINT NOT NULL,
  -- two devices said different things, and nobody has answered
  doubtful BIGINT NOT NULL,
  -- note and symptoms: sealed
  detail {bytes},
  PRIMARY KEY (register_id, child_id, version)
);
CREATE INDEX register_mark_child ON register_mark (child_id, register_id);

-- 请假
CREATE TABLE leave_of_absence (
  id {id},
  child_id BIGINT NOT NULL,
  class_path {path} NOT NULL,
  kind TEXT NOT NULL,
  from_day TEXT NOT NULL,
  from_half BIGINT NOT NULL,
  to_day TEXT NOT NULL,
  to_half BIGINT NOT NULL,
  state TEXT NOT NULL,
  -- who asked, why, what proof there is, what was answered: sealed
  detail {bytes} NOT NULL,
  asked_at BIGINT NOT NULL,
  asked_by BIGINT NOT NULL,
  decided_at BIGINT,
  decided_by BIGINT,
  version BIGINT NOT NULL
);
CREATE INDEX leave_child ON leave_of_absence (child_id);
CREATE INDEX leave_class ON leave_of_absence (class_path, to_day);

-- 预警: an episode of a child, from the first day that gave rise to it; who has it stands in its task
CREATE TABLE warning (
  id {id},
  child_id BIGINT NOT NULL,
  class_path {path} NOT NULL,
  rule TEXT NOT NULL,
  first_day TEXT NOT NULL,
  last_day TEXT NOT NULL,
  level TEXT NOT NULL,
  halves BIGINT NOT NULL,
  blue_on TEXT,
  yellow_on TEXT,
  red_on TEXT,
  -- 'open', 'closed' by facts, 'withdrawn' by a correction
  state TEXT NOT NULL,
  closed_on TEXT,
  -- the fact that closed it: 'present', 'excused', 'half-absent', 'off-list', 'lapsed'
  closed_by TEXT,
  called_at BIGINT,
  checked_at BIGINT,
  case_id BIGINT,
  opened_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);
CREATE INDEX warning_child ON warning (child_id);
CREATE INDEX warning_class ON warning (class_path, state);
CREATE INDEX warning_state ON warning (state, level);
CREATE TABLE contact_warning (
  contact_id BIGINT NOT NULL REFERENCES contact (id),
  warning_id BIGINT NOT NULL REFERENCES warning (id),
  PRIMARY KEY (contact_id, warning_id)
);
CREATE INDEX contact_warning_warning ON contact_warning (warning_id);

-- 有辍学倾向: watched before any absence
CREATE TABLE watch (
  id {id},
  child_id BIGINT NOT NULL,
  class_path {path} NOT NULL,
  reason {bytes} NOT NULL,
  begun_at BIGINT NOT NULL,
  begun_by BIGINT NOT NULL,
  ended_at BIGINT,
  ended_by BIGINT
);
CREATE INDEX watch_child ON watch (child_id);
