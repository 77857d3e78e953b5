-- 开学报到、住校生、值班、线上教学. Who boards and who takes which check is said from a day to a day; a merge of children takes boarders and newcomers
-- along, a relocation takes classes along. A newcomer stays on its list until it is on a roster or somebody takes it back.

-- 住校生
CREATE TABLE boarder (
  id {id},
  child_id BIGINT NOT NULL,
  class_path {path} NOT NULL,
  from_day TEXT NOT NULL,
  -- the first day on which it boards no more
  to_day TEXT,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL,
  ended_at BIGINT,
  ended_by BIGINT
);
CREATE INDEX boarder_child ON boarder (child_id);
CREATE INDEX boarder_class ON boarder (class_path);

-- 名单外到校: came though no list knew it; 在校待建学籍
CREATE TABLE newcomer (
  id {id},
  class_path {path} NOT NULL,
  day TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  -- name, sex, birth, number, guardian, telephone, from where: sealed
  detail {bytes} NOT NULL,
  -- a child of the registers with this number
  child_id BIGINT,
  -- 'waiting', 'known' (child_id), 'listed' (on roster batch_id), 'withdrawn'
  state TEXT NOT NULL,
  batch_id BIGINT,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX newcomer_class ON newcomer (class_path, state);

-- 点名值班: who takes which check of a class, on which day of the week
CREATE TABLE roll_duty (
  id {id},
  class_path {path} NOT NULL,
  part BIGINT NOT NULL,
  -- 1 Monday … 7 Sunday; 0 every day
  weekday BIGINT NOT NULL,
  account_id BIGINT NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL,
  ended_at BIGINT,
  ended_by BIGINT
);
CREATE INDEX roll_duty_class ON roll_duty (class_path);

-- 每日学习情况记录, of a class on a day on line; corrections are new rows
CREATE TABLE learning_record (
  id {id},
  class_path {path} NOT NULL,
  day TEXT NOT NULL,
  -- what was taught, how, what was handed in: sealed
  detail {bytes} NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL
);
CREATE INDEX learning_record_class ON learning_record (class_path, day);

-- under which numbers a child was known before
CREATE INDEX child_merged_into ON child (merged_into) WHERE merged_into IS NOT NULL;

-- a unit's papers by their numbers
CREATE INDEX case_paper_number ON case_paper (unit_path, kind, number);
