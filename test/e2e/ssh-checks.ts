// What real clients do with a host, as lines of bash that end with 0 when all went well. The same lines run beside the gateway and through it.
// $H is the host, $O options for ssh, scp, sftp and git; $D a folder with $D/B, 20 MB, and $D/F, 4 MB of random bytes with the SHA-1 $S;
// $T the folder of the target's server with the key it takes, $P its port, $U its user; $PL, $PD and $PR are ports that nobody has.
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
    'ssh $O -n $H "cat $D/B & cat $D/B >&2; wait" >$D/o 2>$D/e; r=$?; cmp $D/o $D/B && cmp $D/e $D/B && [ $r = 0 ] || { echo "status $r:"; tail -c 300 $D/e | tr -cd "[:print:]"; false; }',
  'a variable that the server does not take': '[ "$(BAR_X=bar ssh $O -n -o SendEnv=BAR_X $H "echo x\\$BAR_X")" = x ]',
  'output after the client’s end of input': '[ "$(echo a | ssh $O $H "cat; exec <&-; sleep 0.3; echo b" | tr "\n" ,)" = a,b, ]',
  environment: '[ "$(FOO_X=bar ssh $O -n -o SendEnv=FOO_X $H "echo \\$FOO_X")" = bar ]',
  'terminal type': 'TERM=xterm-foo ssh $O -n -tt $H "echo \\$TERM" 2>/dev/null | grep -q xterm-foo',
  'window size': 'ssh $O -tt $H "stty size" </dev/null 2>/dev/null | grep -q " "',
  'shell fed from stdin': '[ "$(echo "echo from a shell" | ssh $O -T $H)" = "from a shell" ]',
  'nobody reads on': 'timeout 60 ssh $O -n $H yes | head -1 | grep -q y; [ "${PIPESTATUS[0]}" = 255 ]',
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
  'twenty commands on one connection':
    'ssh $O -MNf -o ControlPath=$D/cn $H && for i in $(seq 20); do ssh $O -n -o ControlPath=$D/cn $H "echo $i"; done | md5sum >$D/cn.sum; ssh $O -o ControlPath=$D/cn -O exit $H 2>/dev/null; [ "$(seq 20 | md5sum)" = "$(cat $D/cn.sum)" ]',
  'new keys on the way down': 'ssh $O -n -o RekeyLimit=1M $H "cat $D/F" | sha1sum | grep -q $S',
  'new keys on the way up': 'ssh $O -o RekeyLimit=1M $H sha1sum < $D/F | grep -q $S',
  'new keys with 20 MB on both streams at once':
    'ssh $O -n -o RekeyLimit=1M $H "cat $D/B & cat $D/B >&2; wait" >$D/o 2>$D/e; r=$?; cmp $D/o $D/B && cmp $D/e $D/B && [ $r = 0 ] || { echo "status $r:"; tail -c 300 $D/e | tr -cd "[:print:]"; false; }',
  'new keys under a transfer of files': 'scp $O -o RekeyLimit=1M -q $D/F $H:$D/rk && cmp $D/F $D/rk',
  'keepalive of the client': '[ "$(ssh $O -n -o ServerAliveInterval=5 -o ServerAliveCountMax=1 $H "sleep 11; echo alive")" = alive ]',
  'a window that changes': 'python3 $D/terminal.py ssh $O -tt $H | grep -q "24 80.*40 132"',
  'a signal of the client’s user':
    'python3 $D/interrupt.py ssh $O -tt $H "trap \'echo caught; exit 7\' INT; echo ready; read x" | grep -q "caught.*status 7"',
  compression: 'ssh $O -n -C $H "cat $D/F" | sha1sum | grep -q $S',
  'ansible with ping, copy, become and a job in the background':
    '$A ansible-playbook -i $H, $D/play.yml >$D/play.out; r=$?; ssh $O -o ControlPath=$D/an-%C -O exit $H 2>/dev/null; cat $D/play.out; [ $r = 0 ] && cmp $D/F $D/ansible-copy',
  'ansible with pipelining':
    'rm -f $D/ansible-copy; ANSIBLE_PIPELINING=1 $A ansible-playbook -i $H, $D/play.yml >$D/play.out; r=$?; ssh $O -o ControlPath=$D/an-%C -O exit $H 2>/dev/null; cat $D/play.out; [ $r = 0 ] && cmp $D/F $D/ansible-copy',
}

/** Allowed directly, and through the gateway where a rule says so. */
export const forwardChecks: Readonly<Record<string, string>> = {
  '-W': 'ssh $O -W 127.0.0.1:$P $H </dev/null | head -1 | grep -q SSH-2.0',
  '-L': 'ssh $O -fNM -S $D/l -o ExitOnForwardFailure=yes -L 127.0.0.1:$PL:127.0.0.1:$P $H; head -1 </dev/tcp/127.0.0.1/$PL | grep -q SSH-2.0; r=$?; ssh $O -S $D/l -O exit $H 2>/dev/null; [ $r = 0 ]',
  '-D': 'ssh $O -fNM -S $D/d -o ExitOnForwardFailure=yes -D 127.0.0.1:$PD $H; exec 3<>/dev/tcp/127.0.0.1/$PD; printf "\\5\\1\\0\\5\\1\\0\\1\\177\\0\\0\\1\\x$(printf %x $((P / 256)))\\x$(printf %x $((P % 256)))" >&3; timeout 60 head -c 20 <&3 | grep -aq SSH-2.0; r=$?; exec 3>&-; ssh $O -S $D/d -O exit $H 2>/dev/null; pkill -f -- "-S $D/d " || true; [ $r = 0 ]',
  '-R': 'ssh $O -n -o ExitOnForwardFailure=yes -R 127.0.0.1:$PR:127.0.0.1:$P $H "bash -c \'head -1 </dev/tcp/127.0.0.1/$PR\'" | grep -q SSH-2.0',
  ProxyJump: `[ "$(ssh $O -n -J $H -p $P -i $T/login -o IdentitiesOnly=yes -o HostKeyAlias=target -o UserKnownHostsFile=$T/known $U@localhost "echo beyond")" = beyond ]`,
  'a socket of the target':
    'ssh-agent -a $D/t.sock >$D/t.env; ssh $O -fNM -S $D/u -o ExitOnForwardFailure=yes -L $D/l.sock:$D/t.sock $H; SSH_AUTH_SOCK=$D/l.sock ssh-add -l | grep -q "no identities"; r=$?; ssh $O -S $D/u -O exit $H 2>/dev/null; (. $D/t.env; kill $SSH_AGENT_PID) >/dev/null; [ $r = 0 ]',
  'a socket on the target':
    'ssh-agent -a $D/s.sock >$D/s.env; ssh $O -n -o ExitOnForwardFailure=yes -R $D/r.sock:$D/s.sock $H "SSH_AUTH_SOCK=$D/r.sock ssh-add -l" | grep -q "no identities"; r=$?; (. $D/s.env; kill $SSH_AGENT_PID) >/dev/null; [ $r = 0 ]',
  '-A': 'ssh-agent sh -c "ssh-add -q $T/login; ssh $O -n -A $H ssh-add -l" | grep -q ED25519',
  '-X': 'python3 $D/display.py $D/display & for i in $(seq 600); do [ -s $D/display ] && break; sleep 0.1; done; DISPLAY=127.0.0.1:$(cat $D/display) ssh $O -n -Y $H "python3 $D/window.py $T/xauth" | grep -q "from the display"; r=$?; kill %1; [ $r = 0 ]',
}

/** Programs that the checks need. */
const files: Readonly<Record<string, string>> = {
  // A person whose window becomes larger between two commands.
  'terminal.py': `import fcntl, os, pty, select, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
size = lambda rows, columns: fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
size(24, 80)
seen = b''
def until(text):
    global seen
    end = time.time() + 60
    while text not in seen and time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try: seen += os.read(fd, 4096)
            except OSError: return
os.write(fd, b"stty size; echo fir''st-done\\r"); until(b'first-done')
size(40, 132)
os.write(fd, b"until stty size | grep -q ^40; do sleep 0.1; done; stty size; echo sec''ond-done\\r"); until(b'second-done')
os.write(fd, b'exit\\r'); until(b'never')
print(seen.decode('latin1').replace('\\r', ' ').replace('\\n', ' '))
`,
  // A person who presses Ctrl-C.
  'interrupt.py': `import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
seen, sent, end = b'', False, time.time() + 60
while time.time() < end:
    if not select.select([fd], [], [], 0.2)[0]: continue
    try: seen += os.read(fd, 4096)
    except OSError: break
    if b'ready' in seen and not sent:
        os.write(fd, b'\\x03'); sent = True
print(seen.decode('latin1').replace('\\r', ' ').replace('\\n', ' '), 'status', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`,
  // A display that answers whoever knows a cookie, and a window that asks it.
  'display.py': `import os, socket, sys
for number in range(40, 100):
    server = socket.socket()
    try: server.bind(('127.0.0.1', 6000 + number))
    except OSError: continue
    break
server.listen()
open(sys.argv[1] + '.new', 'w').write(str(number)); os.rename(sys.argv[1] + '.new', sys.argv[1])
connection = server.accept()[0]
if b'MIT-MAGIC-COOKIE-1' in connection.recv(100): connection.sendall(b'from the display')
connection.close()
`,
  'window.py': `import os, socket, subprocess, sys
host, number = os.environ['DISPLAY'].split(':')
cookie = bytes.fromhex(subprocess.check_output([sys.argv[1], 'list', os.environ['DISPLAY']]).split()[2].decode())
connection = socket.create_connection(('127.0.0.1', 6000 + int(float(number))))
connection.sendall(bytes([108, 0, 11, 0, 0, 0, 18, 0, 16, 0, 0, 0]) + b'MIT-MAGIC-COOKIE-1\\0\\0' + cookie)
print(connection.recv(100).decode())
`,
  'play.yml': `- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
    - { ansible.builtin.copy: { src: "{{ lookup('env', 'D') }}/F", dest: "{{ lookup('env', 'D') }}/ansible-copy" } }
    - { ansible.builtin.command: id -u, become: true, register: who }
    - { ansible.builtin.assert: { that: "who.stdout == '0'" } }
    - { ansible.builtin.command: sleep 1, async: 20, poll: 1 }
    - { ansible.builtin.shell: { cmd: "cat; echo err >&2", stdin: "{{ 'x' * 100000 }}", stdin_add_newline: false }, register: fed }
    - { ansible.builtin.assert: { that: "fed.stdout | length == 100000 and fed.stderr == 'err'" } }
`,
}

export interface CheckPlace {
  readonly host: string
  /** Options for ssh. */
  readonly options: string
  readonly port: number
  readonly user: string
  /** Folder of the target's server. */
  readonly server: string
  /** For what listens on this machine: three that nobody has. */
  readonly ports: readonly number[]
}

/** Bash that runs the checks and prints `ok NAME` or `FAILED NAME: WORDS`. */
export function checkScript(checks: Readonly<Record<string, string>>, { host, options, port, user, server, ports }: CheckPlace): string {
  const lines = Object.entries(checks).map(
    ([name, line]) =>
      `( ${line}\n) >$D/said 2>&1 && echo 'ok ${name}' || { echo 'FAILED ${name}:' "$(tail -c 400 $D/said | tr '\\n' ' ')"; }`,
  )
  return [
    'D=$(mktemp -d)',
    'head -c 20000000 /dev/urandom > $D/B',
    'head -c 4000000 $D/B > $D/F',
    "S=$(sha1sum < $D/F | cut -d' ' -f1)",
    ...Object.entries(files).map(([name, text]) => `cat > $D/${name} <<'END OF FILE'\n${text}END OF FILE`),
    `H=${host} O="${options}" P=${port} U=${user} T=${server}`,
    'A="env ANSIBLE_HOME=$D/ansible ANSIBLE_REMOTE_TEMP=$D/ansible-remote ANSIBLE_NOCOLOR=1 ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3"',
    ['PL', 'PD', 'PR'].map((name, index) => `${name}=${ports[index]}`).join(' '),
    'export D S H O P U T PL PD PR',
    'export ANSIBLE_SSH_ARGS="$O -o ControlMaster=auto -o ControlPersist=30 -o ControlPath=$D/an-%C"',
    ...lines,
    'rm -rf $D',
  ].join('\n')
}
