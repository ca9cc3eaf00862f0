# lib.sh: what the commands here share: packages, the unprivileged user, a private server. Sourced by them.
#
# Two settings say which PostgreSQL they are about: VECIDX_PG_MAJOR, a version that the system has packages of, and VECIDX_PG_BIN, the
# programs of one that was built from source (tools/postgres.sh), which then belongs to the user that runs the tests.

PG_MAJOR=${VECIDX_PG_MAJOR:-15}
PG_BIN=${VECIDX_PG_BIN:-/usr/lib/postgresql/$PG_MAJOR/bin}
export LC_ALL=C.UTF-8

say() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# The comment at the head of the command that was called, which is what --help says.
print_help() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# make_work NAME: sets WORK, a temporary directory that goes when the command ends, as does a server that it started.
make_work() {
  WORK=$(mktemp -d "${TMPDIR:-/tmp}/vecidx-$1.XXXXXX")
  chmod 755 "$WORK"
  trap clean_up EXIT
  trap 'exit 130' INT TERM
}
clean_up() {
  stop_server
  # what it built and installed may be root's
  rm -rf "$WORK" 2>/dev/null || as_root rm -rf "$WORK"
}

# Runs a command as root: directly, or through sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs those of the named packages that are not there yet.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "these packages are missing, and there is no apt-get here: ${missing[*]}"
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || fail "installing ${missing[*]} needs root or sudo"
  say "installing ${missing[*]}"
  # Debian would create and start a server of its own along with the package; this one is not ours to start.
  if ! [ -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  # Nobody may be there to answer questions, about that file for one; sudo would not pass an exported setting on.
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-confold "${missing[@]}" </dev/null >"$WORK/apt.log" 2>&1 \
    || { tail -20 "$WORK/apt.log" >&2; fail "apt-get could not install ${missing[*]}"; }
}

# The packages of the PostgreSQL in use; without one of its own there are none.
pg_packages() {
  [ -n "${VECIDX_PG_BIN:-}" ] || echo postgresql-$PG_MAJOR postgresql-server-dev-$PG_MAJOR
}
# Runs a command as the user that may change the PostgreSQL in use.
as_pg_owner() {
  if [ -n "${VECIDX_PG_BIN:-}" ]; then as_user "$@"; else as_root "$@"; fi
}

# A PostgreSQL server refuses to run as root, so then everything around it runs as the package's user, who gets WORK, too.
choose_user() {
  if [ "$(id -u)" = 0 ]; then RUN_AS=postgres; else RUN_AS=$(id -un); fi
  [ "$(id -u)" != 0 ] || chown "$RUN_AS" "$WORK"
}
as_user() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u "$RUN_AS" -- env -C "$WORK" HOME="$WORK" "$@"
  else
    "$@"
  fi
}

# start_server DIR [SETTINGS]: a private server in DIR, on a Unix socket in DIR only. Sets PGHOST, PGUSER, PGDATABASE. SETTINGS: more -c
# NAME=VALUE. SERVER_PROGRAM: what to run in place of postgres.
start_server() {
  SERVER_DIR=$1
  mkdir -p "$SERVER_DIR"
  [ "$(id -u)" != 0 ] || chown "$RUN_AS" "$SERVER_DIR"
  as_user "$PG_BIN/initdb" -D "$SERVER_DIR/data" -U postgres -A trust -N --locale=C.UTF-8 >"$WORK/initdb.log" 2>&1 \
    || { cat "$WORK/initdb.log" >&2; fail "initdb failed"; }
  as_user "$PG_BIN/pg_ctl" -D "$SERVER_DIR/data" -l "$SERVER_DIR/log" -w -t 300 ${SERVER_PROGRAM:+-p "$SERVER_PROGRAM"} -o \
    "-c listen_addresses= -c unix_socket_directories=$SERVER_DIR -c shared_buffers=256MB -c maintenance_work_mem=256MB -c max_wal_size=2GB -c jit=off ${2:-}" \
    start >/dev/null || { cat "$SERVER_DIR/log" >&2; fail "the server did not start"; }
  export PGHOST=$SERVER_DIR PGUSER=postgres PGDATABASE=postgres
  unset PGPORT PGSERVICE PGOPTIONS
}

# Of servers of tests: a transaction of autovacuum, wherever it is at work, would keep VACUUM from removing rows.
TEST_SETTINGS='-c autovacuum=off'

stop_server() {
  [ -n "${SERVER_DIR:-}" ] && [ -e "$SERVER_DIR/data/postmaster.pid" ] || return 0
  as_user "$PG_BIN/pg_ctl" -D "$SERVER_DIR/data" -m immediate stop >/dev/null 2>&1 || true
}

# copy_tree TARGET: the checkout without what git ignores, owned by the user that builds and tests.
copy_tree() {
  mkdir -p "$1"
  (cd "$ROOT" && tar -cf - --exclude=.git --exclude='*.o' --exclude='*.d' --exclude='*.so' --exclude=.venv \
     --exclude=.cache --exclude=./bench/cache --exclude=./bench/results --exclude=./results --exclude=tmp_check .) | tar -xf - -C "$1"
  [ "$(id -u)" != 0 ] || chown -R "$RUN_AS" "$1"
}

# copy_postgres DIR: a copy of the installed PostgreSQL in DIR (with the same paths below it), in which to install what others must
# not get, with make DESTDIR=DIR; its pg_config is DIR$PG_BIN/pg_config.
copy_postgres() {
  local dir
  for dir in "$(dirname "$PG_BIN")" "$("$PG_BIN/pg_config" --sharedir)"; do
    mkdir -p "$1$dir"
    cp -a "$dir/." "$1$dir/"
  done
  [ "$(id -u)" != 0 ] || chown -R "$RUN_AS" "$1"
}

# apt_mirror ARCHIVE: where this machine gets the packages of that archive from: debian, debian-security. Fails if nothing is said of it.
apt_mirror() {
  local uri
  uri=$(apt-get indextargets --format '$(REPO_URI)' | sed 's#/$##' | grep -m 1 "/$1\$") || fail "no mirror of $1 in apt's lists"
  echo "$uri"
}
