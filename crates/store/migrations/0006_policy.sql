-- 参数的版本: by which values it was decided: the newest that had been set then; 0 where nobody had set any
ALTER TABLE event ADD COLUMN policy_version BIGINT;
