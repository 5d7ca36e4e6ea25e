// Names of programs that run what is not in the line, or whatever their user likes. A list like this is never whole.

/** Run code that stands in a file, on standard input or in an argument of a language of their own, or start whatever their user likes. */
export const INTERPRETERS = new Set(
  `python python2 python3 perl ruby node nodejs deno bun php lua luajit tclsh wish expect R Rscript julia ghci guile racket
  vi vim nvim view ex ed emacs nano pico joe less more most man info gdb lldb strace ltrace perf valgrind script screen tmux watch parallel
  su runuser chroot unshare nsenter setpriv systemd-run at batch crontab socat make gmake cmake ninja ant mvn gradle rake npm npx pnpm yarn
  pip pip3 cargo go gcc g++ cc ld as m4 bc dc sqlite3 psql mysql mongo redis-cli ftp lftp telnet docker podman nerdctl ctr crictl
  ansible ansible-playbook terraform pkexec doas start-stop-daemon daemonize fakeroot proot dbus-run-session logrotate run-parts
  eval source . trap alias unalias enable hash bind complete compgen compopt fc let shopt mapfile readarray openssl
  gpg dpkg rpm apt apt-get aptitude yum dnf zypper snap flatpak pacman apk visudo vipw vigr crash ssh-agent ssh-keygen zsh fish csh tcsh
  busctl dbus-send gdbus xdg-open mail mailx mutt sendmail nmap tcpdump zip rlwrap stap bpftrace capsh sg newgrp
  rvim rview vimdiff byebug irb pry cpio rpmbuild debugfs setarch linux32 linux64 i386 x86_64 torify proxychains sshpass autossh mosh
  rsh rlogin rexec pdsh pssh dsh prlimit choom uclampset numactl cgexec systemd-inhibit systemd-cat unbuffer chpst softlimit setlock envdir
  setuidgid envuidgid tini dumb-init gosu su-exec xvfb-run faketime eatmydata fakechroot firejail bwrap timelimit chronic ifne pee zrun vipe vidir entr
  pipexec dtach abduco unzip 7z lua5.4 pwsh patch ldd git-shell zless zmore bzless xzless lzless sdiff
  bundle rbenv pyenv nodenv goenv asdf mise direnv rvm nvm rvmsudo poetry pipenv uv uvx pipx conda mamba composer drush wp artisan symfony rails thor bunx tsx ts-node
  just task mix gulp grunt invoke fab cap kamal mina dokku heroku flyctl helm helmfile kustomize argocd oc k3s microk8s minikube lxc lxd incus lxc-attach lxc-execute
  virsh machinectl systemd-nspawn vagrant multipass gcloud aws az gh hg svn bzr cvs tig lazygit mc ranger fzf ag ack bfs java jshell jrunscript groovy scala kotlin
  clojure elixir iex erl escript ocaml runghc runhaskell stack cabal swift dotnet mono octave gnuplot maxima tex latex pdftex pdflatex xelatex lualatex troff groff nroff
  rustc clang tcc zig bazel scons meson gradlew mvnw cpulimit cset schedtool runcon aa-exec sandbox run0 sudo-rs sudoedit please calife super op kexec slogin dbclient
  plink sshfs ssh-copy-id ssh-add logsave gtime s6-setuidgid s6-softlimit execlineb runsv tcpserver inetd xinetd stunnel sem pexec xjobs env_parallel autoexpect
  incron anacron salt salt-call puppet chef-client knife ansible-pull ansible-console pypy pypy3 php-cgi bash-static zsh-static ksh93 lksh oksh rksh posh yash osh
  elvish nu xonsh sash mysqlsh mariadb mongosh sqlite duckdb cqlsh clickhouse clickhouse-client bsdtar star pax gsed gawk-real gtar gfind gxargs original-awk bwk
  vifm nnn telinit init shutdown reboot poweroff halt nft iptables-restore ip6tables-restore chpasswd hexedit rr gdbserver original-vi sponge reportbug`
    .split(/\s+/)
    .filter(name => name !== ''),
)

/** Words by which zsh, csh or fish run what follows them, quoted or not: a target's login shell may be one of these. */
export const OTHER_SHELLS = new Set([
  'repeat',
  'foreach',
  'noglob',
  'nocorrect',
  '-',
  'and',
  'or',
  'not',
  'begin',
  'switch',
  'onintr',
  '!',
  'if',
  'while',
  'until',
  'for',
  'function',
  'else',
])

/** The loader, which runs the program it is given; and interpreters with a version in their name. */
export const INTERPRETER_NAME =
  /^(?:ld(?:-[\w.-]+)?\.so[\d.]*|(?:python|perl|ruby|php|lua|node|nodejs|tclsh|wish|guile|pypy|gcc|g\+\+|clang)-?[\d.]+)$/
