-- 比对说明: how a run came to its result, a page without personal data
CREATE TABLE run_report (
  run_id BIGINT NOT NULL PRIMARY KEY REFERENCES run (id),
  body TEXT NOT NULL
);
