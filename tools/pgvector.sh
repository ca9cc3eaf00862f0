# pgvector.sh: pgvector for tests, from the system's package or else from Debian's source package. Sourced after lib.sh; nothing of it is kept.

# get_pgvector: makes extension vector available to the PostgreSQL in use, if the system has a package of it for that one; else it builds it from
# the source that a later release of Debian has, and installs it in a copy of that PostgreSQL. vecidx must be installed before. Sets
# PGVECTOR_CONFIG to the pg_config of the PostgreSQL that has it. Fails, and says why, if there is no way to it.
get_pgvector() {
  local package=postgresql-$PG_MAJOR-pgvector dir=$WORK/pgvector apt
  PGVECTOR_CONFIG=$PG_BIN/pg_config
  [ ! -e "$("$PGVECTOR_CONFIG" --sharedir)/extension/vector.control" ] || return 0
  if [ -z "${VECIDX_PG_BIN:-}" ] && apt-cache show "$package" >/dev/null 2>&1; then
    (need_packages "$package") && return 0
  fi
  say 'building pgvector'
  mkdir -p "$dir/lists/partial" "$dir/source"
  printf 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' "$(apt_mirror debian)" >"$dir/sources.list"
  apt="-o Dir::Etc::SourceList=$dir/sources.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$dir/lists -o Dir::Cache=$dir/cache
    -o APT::Sandbox::User="
  if ! { apt-get $apt update -qq && (cd "$dir/source" && apt-get $apt source -qq --download-only pgvector \
      && tar -xf pgvector_*.orig.tar.gz --strip-components=1 --no-same-owner); } >"$dir/log" 2>&1; then
    tail -5 "$dir/log"; return 1
  fi
  copy_postgres "$dir/postgres"
  [ "$(id -u)" != 0 ] || chown -R "$RUN_AS" "$dir"
  if ! as_user make -s -C "$dir/source" -j2 PG_CONFIG="$PG_BIN/pg_config" OPTFLAGS= with_llvm=no DESTDIR="$dir/postgres" install >"$dir/log" 2>&1; then
    tail -20 "$dir/log"; return 1
  fi
  PGVECTOR_CONFIG=$dir/postgres$PG_BIN/pg_config
}
