#!/bin/sh
# Run once by PostgreSQL's image, when its folder is made: the hubs' own user and database. It is no superuser, so that row policies hold for it.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set password `cat /run/secrets/store-password`
create role satchel login password :'password';
create database satchel owner satchel encoding 'UTF8' template template0;
SQL
