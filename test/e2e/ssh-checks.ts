// What real clients do with a host, as lines of bash that end with 0 when all went well. $H is the host, $D a folder, $D/B 20 MB and $D/F 4 MB of random
// bytes with the SHA-1 $S, $O options for ssh, scp, sftp and git. The same lines run beside the gateway and through it.
export const sshChecks: Readonly<Record<string, string>> = {
  'stdin stays open': 'ssh $O -n $H "echo hi" | grep -q hi',
  'stdin ends at once': 'ssh $O $H "echo hi" </dev/null | grep -q hi',
  'exit status': 'ssh $O -n $H "exit 42"; [ $? = 42 ]',
  'killed by a signal': 'ssh $O -n $H "kill -TERM \\$\\$"; [ $? = 255 ]',
  'stdout alone': '[ "$(ssh $O -n $H "echo out; echo err >&2" 2>/dev/null)" = out ]',
  'stderr alone': '[ "$(ssh $O -n $H "echo out; echo err >&2" 2>&1 >/dev/null)" = err ]',
  'small stdin': '[ "$(echo data | ssh $O $H cat)" = data ]',
  '4 MB up': 'ssh $O $H sha1sum < $D/F | grep -q $S',
  '4 MB down': 'ssh $O -n $H "cat $D/F" | sha1sum | grep -q $S',
  'half close': '[ "$(printf "b\\na\\n" | ssh $O $H "sort; echo done" | tr "\\n" ,)" = a,b,done, ]',
  '20 MB on both streams at once':
    'ssh $O -n $H "cat $D/B & cat $D/B >&2; wait" >$D/o 2>$D/e; [ "$(cat $D/o | sha1sum)$(cat $D/e | sha1sum)" = "$(cat $D/B | sha1sum)$(cat $D/B | sha1sum)" ]',
  environment: '[ "$(FOO_X=bar ssh $O -n -o SendEnv=FOO_X $H "echo \\$FOO_X")" = bar ]',
  'terminal type': 'TERM=xterm-foo ssh $O -n -tt $H "echo \\$TERM" 2>/dev/null | grep -q xterm-foo',
  'window size': 'ssh $O -tt $H "stty size" </dev/null 2>/dev/null | grep -q " "',
  'shell fed from stdin': '[ "$(echo "echo from a shell" | ssh $O -T $H)" = "from a shell" ]',
  'nobody reads on': 'timeout 20 ssh $O -n $H yes | head -1 | grep -q y; [ "${PIPESTATUS[0]}" = 255 ]',
  'scp up': 'scp $O -q $D/F $H:$D/scp1 && cmp $D/F $D/scp1',
  'scp down': 'scp $O -q $H:$D/F $D/scp2 && cmp $D/F $D/scp2',
  'scp -O up': 'scp $O -O -q $D/F $H:$D/scp3 && cmp $D/F $D/scp3',
  'scp -O down': 'scp $O -O -q $H:$D/F $D/scp4 && cmp $D/F $D/scp4',
  'scp of a folder': 'mkdir $D/d && echo x >$D/d/x && scp $O -rq $D/d $H:$D/d2 && cmp $D/d/x $D/d2/x',
  'sftp batch': 'printf "get $D/F $D/sftp1\\nput $D/sftp1 $D/sftp2\\n" | sftp $O -q -b - $H >/dev/null && cmp $D/F $D/sftp2',
  'rsync up': 'rsync -e "ssh $O" -a $D/F $H:$D/rs1 && cmp $D/F $D/rs1',
  'rsync down': 'rsync -e "ssh $O" -a $H:$D/F $D/rs2 && cmp $D/F $D/rs2',
  'git push and clone':
    'export GIT_SSH_COMMAND="ssh $O"; cd $D && git init -q --bare r.git && git init -q w && cp F w/F && cd w && git add F && git -c user.name=a -c user.email=a@b.example commit -qm x && git push -q $H:$D/r.git HEAD:main && cd .. && git clone -q -b main $H:$D/r.git c && cmp F c/F',
  'eight commands on one connection':
    'ssh $O -MNf -o ControlPath=$D/cm $H && { for i in 1 2 3 4 5 6 7 8; do ssh $O -n -o ControlPath=$D/cm $H "echo $i" >$D/cm$i & done; wait; [ "$(cat $D/cm[1-8] | tr -d "\\n")" = 12345678 ]; r=$?; ssh $O -o ControlPath=$D/cm -O exit $H 2>/dev/null; [ $r = 0 ]; }',
  'new keys on the way down': 'ssh $O -n -o RekeyLimit=1M $H "cat $D/F" | sha1sum | grep -q $S',
  'new keys on the way up': 'ssh $O -o RekeyLimit=1M $H sha1sum < $D/F | grep -q $S',
  compression: 'ssh $O -n -C $H "cat $D/F" | sha1sum | grep -q $S',
}

/** Allowed directly, and through the gateway where a rule says so. */
export const forwardChecks: Readonly<Record<string, string>> = {
  'local forward': 'ssh $O -W 127.0.0.1:$P $H </dev/null | head -1 | grep -q SSH-2.0',
}

/** Bash that runs the checks and prints `ok NAME` or `FAILED NAME`. */
export function checkScript(checks: Readonly<Record<string, string>>, host: string, options: string, port: number): string {
  const lines = Object.entries(checks).map(
    ([name, line]) =>
      `( ${line}\n) >$D/said 2>&1 && echo 'ok ${name}' || { echo 'FAILED ${name}:' "$(head -c 300 $D/said | tr '\\n' ' ')"; }`,
  )
  return [
    'D=$(mktemp -d)',
    'head -c 20000000 /dev/urandom > $D/B',
    'head -c 4000000 $D/B > $D/F',
    "S=$(sha1sum < $D/F | cut -d' ' -f1)",
    `H=${host} O="${options}" P=${port}`,
    'export D S H O P',
    ...lines,
    'rm -rf $D',
  ].join('\n')
}
