-- 催办: when a unit was last reminded of a task; anew with another unit or deadline
ALTER TABLE task ADD COLUMN reminded_at BIGINT;
