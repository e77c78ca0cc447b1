-- @contexts are kept by their local id; downloads are had again when they are needed.
delete from record where kind = 'context' and document ->> 'kind' = 'Cached';
update record set key = document ->> 'localId',
    document = document - 'URL' || '{"url": "", "expiresAt": ""}'::jsonb
    where kind = 'context';
