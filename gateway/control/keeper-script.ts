// What runs as root for `isolation: user`: it makes the gateway's user, takes root from the job, starts the gateway, waits, and gives
// everything back. A shell script, because it stays as long as the job does and must be small enough to be read by whoever runs it.

/** Container engines and hypervisors: whoever reaches one of these sockets is root. */
const sockets = [
  '/run/docker.sock',
  '/run/containerd/containerd.sock',
  '/run/podman/podman.sock',
  '/run/crio/crio.sock',
  '/run/buildkit/buildkitd.sock',
  '/run/k3s/containerd/containerd.sock',
  '/run/libvirt/libvirt-sock',
  '/var/lib/lxd/unix.socket',
  '/var/snap/lxd/common/lxd/unix.socket',
  '/var/lib/incus/unix.socket',
]

/**
 * Arguments: tag, node, folder of the program, name of the program, job's user, SHA-256 of node or nothing, flags of node or nothing, end of
 * the sudo rule (`YYYYMMDDHHMMSSZ`). stdin and stdout are the gateway's; nothing here reads the one, and the other gets one line.
 */
export const keeperScript = `
set -u
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
tag=$1 node=$2 program=$3 name=$4 job=$5 digest=$6 flags=$7 until=$8
user=sallyport-$tag
step=sallyport-step-$tag
home=/var/lib/sallyport-$tag
rule=/etc/sudoers.d/zzz-sallyport-$tag
closed=

restore() {
  rm -f "$rule"
  printf '%s' "$closed" | while read -r socket mode owner; do
    chown "$owner" "$socket" && chmod "$mode" "$socket"
  done
  if number=$(id -u "$step" 2>/dev/null); then
    for file in $(grep -ls "^Uid:[[:space:]]*$number[[:space:]]" /proc/[0-9]*/status); do
      pid=\${file#/proc/}
      kill -KILL "\${pid%/status}" 2>/dev/null
    done
  fi
  for each in "$step" "$user"; do
    id "$each" >/dev/null 2>&1 && userdel "$each" >/dev/null 2>&1
  done
  # Of a gateway that died, the recording stays behind for whoever looks into it: nothing unmasked is in it.
  if [ "\${1:-clean}" = died ] && [ -d "$home/private" ]; then
    chown -R "$job" "$home/private"
    rm -rf "$home/node" "$home/program" "$home/bin" "$home/step" "$home/client" "$home/run-step"
  else
    rm -rf "$home"
  fi
} </dev/null >/dev/null 2>&1

fail() {
  restore
  printf '{"kind":"failed","code":"ISOLATION_IMPOSSIBLE","id":"E18","exitStatus":125,"message":"isolation: user is not possible here: %s","why":null,"fix":"use a Linux runner whose user has passwordless sudo, gateway-url, or isolation: none (a guard rail only)"}\\n' "$1" >&3
  exit 125
}

set_up() {
  [ "$(id -u)" = 0 ] || fail 'sudo does not lead to root'
  for need in useradd userdel runuser sha256sum; do
    command -v "$need" || fail "this machine has no $need"
  done
  [ "$(id -u "$job")" != 0 ] || fail 'the job itself runs as root, and nothing is out of the reach of root'
  for group in $(id -nG "$job"); do
    case $group in root | disk | kmem | shadow) fail "the user of the job is in the group $group, which leads to root" ;; esac
  done

  mkdir -m 0711 "$home" || fail 'the folder for the gateway cannot be made'
  useradd --system --no-create-home --home-dir "$home/private" --shell /usr/sbin/nologin --user-group "$user" || fail 'the user of the gateway cannot be made'
  useradd --system --no-create-home --home-dir "$home/step" --shell /usr/sbin/nologin --user-group "$step" || fail 'the user for steps cannot be made'
  mkdir "$home/private" "$home/step" "$home/client" "$home/program" "$home/bin"
  chown "$user:$user" "$home/private" && chmod 0700 "$home/private" || fail 'the folder for the gateway cannot be given to its user'
  chown "$step:$step" "$home/step" && chmod 0700 "$home/step" || fail 'the folder for steps cannot be given to its user'
  chown "$job:$step" "$home/client" && chmod 2750 "$home/client" || fail 'the folder for the client files cannot be given to the job'

  # Unreadable (0711) makes the running process non-dumpable: no memory, environment or descriptors for others.
  cp "$node" "$home/node" && chown 0:0 "$home/node" && chmod 0711 "$home/node" || fail 'node cannot be copied'
  if [ -n "$digest" ]; then
    [ "$(sha256sum <"$home/node")" = "$digest  -" ] || fail 'node is not the file that was checked'
  fi
  cp -R "$program/." "$home/program" && chown -R 0:0 "$home/program" && chmod -R u=rwX,go=rX "$home/program" || fail 'the gateway cannot be copied'

  cat >"$home/run-step" <<'END'
#!/bin/sh
set -eu
umask 077
PATH=$SALLYPORT_STEP_PATH
HOME=\${0%/run-step}/step
export PATH HOME
# OpenSSH reads no configuration and no key that another user owns, so the step has its own.
client=\${HOME%/step}/client
if [ -f "$client/ssh_config" ]; then
  mkdir -p "$HOME/.ssh"
  for key in "$client"/ssh_step_*; do cp "$key" "$HOME/.ssh/sallyport-\${key##*/ssh_step_}"; done
  sed "s|IdentityFile $client/ssh/|IdentityFile $HOME/.ssh/sallyport-|" "$client/ssh_config" >"$HOME/.ssh/sallyport-hosts"
  if ! grep -qsx 'Include sallyport-hosts' "$HOME/.ssh/config"; then
    { echo 'Include sallyport-hosts'; cat "$HOME/.ssh/config" 2>/dev/null || :; } >"$HOME/.ssh/sallyport-new"
    mv "$HOME/.ssh/sallyport-new" "$HOME/.ssh/config"
  fi
fi
script=$(mktemp "$HOME/script.XXXXXX")
cat >"$script"
cd "$SALLYPORT_STEP_CWD" 2>/dev/null || cd "$HOME"
unset SALLYPORT_STEP_PATH SALLYPORT_STEP_CWD SUDO_COMMAND SUDO_USER SUDO_UID SUDO_GID
exec bash --noprofile --norc -eo pipefail "$script" </dev/null
END
  cat >"$home/bin/sallyport" <<END
#!/bin/sh
# \\\`shell: sallyport {0}\\\`: runs the script of a step as another user, without what it takes to mint a token.
if [ \\$# -ne 1 ] || [ ! -f "\\$1" ]; then exec "$home/node" "$home/program/cli.mjs" "\\$@"; fi
SALLYPORT_STEP_PATH=\\$PATH SALLYPORT_STEP_CWD=\\$PWD
export SALLYPORT_STEP_PATH SALLYPORT_STEP_CWD
names=\\$(awk 'BEGIN { for (name in ENVIRON) print name }' | grep -Ev '^(ACTIONS_.*|INPUT_.*|STATE_.*|LD_.*|SUDO_.*|BASH_ENV|ENV|PATH|HOME|USER|LOGNAME|SHELL|_|[^A-Za-z_].*|.*[^A-Za-z0-9_].*)\\$' | tr '\\\\n' ',')
exec sudo -n -u "$step" --preserve-env="\\\${names%,}" -- "$home/run-step" <"\\$1"
END
  chmod 0755 "$home/run-step" "$home/bin/sallyport"

  if command -v sudo; then
    # The last rule that matches wins, so this takes what any rule before it gave, and gives one thing less than the job has anyway.
    {
      printf '%s ALL=(ALL:ALL) NOTAFTER=%s !ALL\\n' "$job" "$until"
      printf '%s ALL=(%s) NOTAFTER=%s NOPASSWD:SETENV: %s/run-step ""\\n' "$job" "$step" "$until" "$home"
    } >"$home/rule"
    chmod 0440 "$home/rule"
    visudo -cqf "$home/rule" || fail 'sudo refuses the rule that takes it from the job'
    mv "$home/rule" "$rule" || fail 'the rule that takes sudo from the job cannot be written'
    runuser -u "$job" -- sudo -n true && fail 'sudo could not be taken from the job: /etc/sudoers does not read /etc/sudoers.d last'
    runuser -u "$job" -- sudo -n -u "$step" true && fail 'sudo could not be taken from the job'
  fi
  for socket in ${sockets.join(' ')}; do
    [ -S "$socket" ] || continue
    closed="$closed$socket $(stat -Lc '%a %u:%g' "$socket")
"
    chown 0:0 "$socket" && chmod 0600 "$socket" || fail "the socket $socket cannot be closed"
  done
}

exec 3>&1
set_up </dev/null >/dev/null 2>&1
printf '{"kind":"isolated"}\\n'
# A handler, not "ignore": what is ignored here would be ignored by the gateway too.
trap : HUP INT TERM QUIT
ulimit -c 0
runuser -u "$user" -- env -i PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME="$home/private" TMPDIR="$home/private" "$home/node" $flags "$home/program/$name" 3>&-
status=$?
[ "$status" = 0 ] && restore clean || restore died
exit "$status"
`
