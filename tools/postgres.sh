# postgres.sh: PostgreSQL from Debian's source package, built as tests want it. Sourced after lib.sh.
#
# Sources and builds are kept in CACHE and used again until Debian has a newer version. Remove the folder to start over.

CACHE=${VECIDX_CACHE:-/var/tmp/vecidx-postgres}

# Debian's source package of the server, unpacked and patched: sets SOURCE and SOURCE_VERSION.
fetch_source() {
  local package=postgresql-$PG_MAJOR apt suite
  need_packages build-essential dpkg-dev bison flex zlib1g-dev perl libipc-run-perl
  as_root mkdir -p "$CACHE"
  [ "$(id -u)" = 0 ] || as_root chown "$RUN_AS" "$CACHE"
  [ "$(id -u)" != 0 ] || chown "$RUN_AS" "$CACHE"
  # sources are asked for from lists of our own: the system's may be without them
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mkdir -p "$WORK/apt/lists/partial"
  printf 'deb-src %s %s main\n' "$(apt_mirror debian)" "$suite" "$(apt_mirror debian-security)" "$suite-security" \
    >"$WORK/apt/sources.list"
  apt="-o Dir::Etc::SourceList=$WORK/apt/sources.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$WORK/apt/lists
    -o APT::Sandbox::User=root"
  apt-get $apt update -qq >"$WORK/apt.log" 2>&1 || { cat "$WORK/apt.log" >&2; fail 'no list of source packages'; }
  # the newest first; a mirror may list one that it does not hold
  for SOURCE_VERSION in $(apt-cache $apt showsrc --only-source "$package" 2>/dev/null | sed -n 's/^Version: //p' | sort -Vru); do
    SOURCE=$CACHE/$package-$SOURCE_VERSION/source
    [ ! -e "$SOURCE/configure" ] || return 0
    say "fetching the source of $package $SOURCE_VERSION"
    rm -rf "$WORK/source"
    mkdir -p "$WORK/source"
    (cd "$WORK/source" && apt-get $apt source -qq --download-only "$package=$SOURCE_VERSION" \
      && dpkg-source --no-check -x ./*.dsc tree) >"$WORK/apt.log" 2>&1 || { grep '^E:' "$WORK/apt.log" >&2; continue; }
    as_root mkdir -p "${SOURCE%/*}"
    as_root rm -rf "$SOURCE"
    as_root mv "$WORK/source/tree" "$SOURCE"
    [ "$(id -u)" != 0 ] || chown -R "$RUN_AS" "${SOURCE%/*}"
    return 0
  done
  fail "no source package of $package could be had"
}

# build_postgres KIND CFLAGS [CONFIGURE OPTIONS...]: builds and installs that source once; sets BUILT to where it is.
build_postgres() {
  local kind=$1 cflags=$2 build
  shift 2
  fetch_source
  BUILT=${SOURCE%/*}/$kind
  build=$BUILT.build
  [ ! -e "$BUILT/complete" ] || return 0
  say "building PostgreSQL $SOURCE_VERSION: $kind"
  as_user rm -rf "$BUILT" "$build"
  as_user mkdir -p "$build"
  # not in the debian/ way: no packages, nothing that the tests do without
  as_user sh -c 'cd "$1" && shift && "$@"' sh "$build" "$SOURCE/configure" --prefix="$BUILT" --enable-debug --enable-tap-tests \
    --without-readline --without-icu CFLAGS="$cflags" "$@" >"$WORK/configure.log" 2>&1 || { tail -20 "$WORK/configure.log" >&2; fail 'configure failed'; }
  as_user make -s -C "$build" -j"$(nproc)" install >"$WORK/make.log" 2>&1 || { tail -40 "$WORK/make.log" >&2; fail 'make failed'; }
  as_user rm -rf "$build"
  as_user touch "$BUILT/complete"
}
