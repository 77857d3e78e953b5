-- 劝返复学: one file a child, from suspicion to return and beyond. Who owns it, until when, stands in its task alone.
-- Read for a past day: by its events (event.state, unit_path) and by what it established. A merge of children makes one file of two (state
-- 'joined'); a relocation takes task and partner along; a withdrawn roster leaves it open and says so in an event.
CREATE TABLE case_file (
  id {id},
  child_id BIGINT NOT NULL,
  -- the child of whom it was opened, whoever that was merged into
  origin_child_id BIGINT NOT NULL,
  -- the county that keeps it, and gave it its number: 青控辍-2023-00137
  scope_path {path} NOT NULL,
  mark TEXT NOT NULL,
  year BIGINT NOT NULL,
  number BIGINT NOT NULL,
  state TEXT NOT NULL,
  confirmed BIGINT NOT NULL,
  opened_on TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  -- from which day attempts and checks count: opened, or opened anew
  episode_from TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  visits BIGINT NOT NULL,
  checks BIGINT NOT NULL,
  relapses BIGINT NOT NULL,
  -- as everybody may read it; a sealed cause stands here as 'other'
  cause TEXT NOT NULL,
  -- the true cause where it is sealed, where the child is said to be, last day in school, what is to be known
  story {bytes} NOT NULL,
  -- 协同单位: of the other line
  partner_path {path},
  returned_on TEXT,
  -- what is asked and waits for an answer, and the unit that asked it: while the bureau decides it is the bureau's task
  asked TEXT,
  asking_path {path},
  joined_into BIGINT,
  version BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX case_number ON case_file (scope_path, mark, year, number);
CREATE UNIQUE INDEX case_open ON case_file (child_id) WHERE state IN ('verifying', 'persuading', 'legal', 'returned', 'follow-up');
CREATE INDEX case_child ON case_file (child_id);
CREATE INDEX case_state ON case_file (state, id);
CREATE INDEX case_asked ON case_file (asked) WHERE asked IS NOT NULL;

-- 编号: numbers without gaps, taken in the transaction that uses them
CREATE TABLE series (
  scope_path {path} NOT NULL,
  kind TEXT NOT NULL,
  year BIGINT NOT NULL,
  next BIGINT NOT NULL,
  PRIMARY KEY (scope_path, kind, year)
);

-- 立案依据: why there is a file; a second source is a further ground
CREATE TABLE case_ground (
  id {id},
  case_id BIGINT NOT NULL REFERENCES case_file (id),
  kind TEXT NOT NULL,
  finding_id BIGINT,
  at BIGINT NOT NULL
);
CREATE INDEX case_ground_case ON case_ground (case_id);
CREATE INDEX case_ground_finding ON case_ground (finding_id);

-- 联系记录: one record of one call or visit, for all children of whom it spoke
CREATE TABLE contact (
  id {id},
  -- 128 random bits made where it was recorded: a second sending is the same record
  key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  on_day TEXT NOT NULL,
  outcome TEXT NOT NULL,
  signed TEXT,
  -- people, words, attitude, wish, witness, whoever typed it for somebody: sealed
  detail {bytes} NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL,
  unit_path {path}
);
CREATE TABLE contact_case (
  contact_id BIGINT NOT NULL REFERENCES contact (id),
  case_id BIGINT NOT NULL REFERENCES case_file (id),
  PRIMARY KEY (contact_id, case_id)
);
CREATE INDEX contact_case_case ON contact_case (case_id);

-- 申请: what a unit asked, who decided
CREATE TABLE case_ask (
  id {id},
  case_id BIGINT NOT NULL REFERENCES case_file (id),
  kind TEXT NOT NULL,
  -- the unit that is to take it over
  target_path {path},
  -- the conclusion of a clearing, why: sealed
  detail {bytes} NOT NULL,
  -- the unit that asked, and had it
  unit_path {path} NOT NULL,
  -- until when the unit had it: what is taken back gains no time
  deadline_before BIGINT,
  asked_at BIGINT NOT NULL,
  asked_by BIGINT NOT NULL,
  answer TEXT,
  answered_at BIGINT,
  answered_by BIGINT
);
CREATE INDEX case_ask_case ON case_ask (case_id);
CREATE UNIQUE INDEX case_ask_open ON case_ask (case_id) WHERE answered_at IS NULL;

-- 返校: where to, how; and what of the formalities is done
CREATE TABLE case_return (
  id {id},
  case_id BIGINT NOT NULL REFERENCES case_file (id),
  on_day TEXT NOT NULL,
  placement TEXT NOT NULL,
  school_path {path},
  -- name of the school and class, whoever received the child: sealed
  detail {bytes} NOT NULL,
  settled_on TEXT,
  -- the day on which the child had left again
  ended_on TEXT,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL
);
CREATE INDEX case_return_case ON case_return (case_id);

-- 回访
CREATE TABLE case_check (
  id {id},
  case_id BIGINT NOT NULL REFERENCES case_file (id),
  return_id BIGINT NOT NULL REFERENCES case_return (id),
  due_on TEXT NOT NULL,
  done_on TEXT,
  in_school BIGINT,
  detail {bytes},
  done_at BIGINT,
  done_by BIGINT
);
CREATE INDEX case_check_return ON case_check (return_id, due_on);

-- 依法文书: issued on paper, served, answered
CREATE TABLE case_paper (
  id {id},
  case_id BIGINT NOT NULL REFERENCES case_file (id),
  kind TEXT NOT NULL,
  number TEXT NOT NULL,
  issued_on TEXT NOT NULL,
  unit_path {path} NOT NULL,
  due_on TEXT,
  served_on TEXT,
  service TEXT,
  -- to whom, facts, who served and witnessed, what came of it: sealed
  detail {bytes} NOT NULL,
  void_at BIGINT,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL
);
CREATE INDEX case_paper_case ON case_paper (case_id);

-- what a proof shows: a photo, or whose signature
ALTER TABLE proof ADD COLUMN role TEXT NOT NULL DEFAULT '';
