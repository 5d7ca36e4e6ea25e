// A word of a shell line: its text after quote removal where that is known, and why it is not known where it is not.

export interface ShellWord {
  /** Text after quote removal; null where it depends on anything that is not in the line. */
  readonly text: string | null
  /** As written, for people. */
  readonly source: string
  /** True when the word may become none or several (an unquoted expansion, a glob, braces). */
  readonly isMany: boolean
  /** True when any part of it was quoted: such a word is no keyword, no assignment, no operator. */
  readonly isQuoted: boolean
}

/** What stops reading: the whole line is then opaque, for this reason. */
export class ShellDoubt extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'ShellDoubt'
  }
}

/** One simple command as it stands in a line. */
export interface SimpleCommand {
  readonly assignments: readonly string[]
  readonly words: readonly ShellWord[]
  readonly redirects: readonly Redirect[]
}

export interface Redirect {
  readonly kind: 'read' | 'write' | 'text'
  readonly target: ShellWord
}

/** Names whose value decides what other programs and shells run. */
export const GOVERNING_NAME =
  /^(?:PATH|IFS|ENV|BASH_.*|CDPATH|SHELLOPTS|BASHOPTS|SHELL|PS[0-4]|PROMPT_COMMAND|POSIXLY_CORRECT|GLOBIGNORE|EXECIGNORE|HISTFILE|LD_.*|DYLD_.*|GCONV_PATH|LOCPATH|TEXTDOMAINDIR|GIT_.*|PAGER|EDITOR|VISUAL|BROWSER|LESSOPEN|LESSCLOSE|MANPAGER|SYSTEMD_.*|PYTHON.*|PERL.*|RUBY.*|NODE_(?!ENV$).*|JAVA_.*|_JAVA_.*|TAR_OPTIONS|RSYNC_.*|GREP_.*|AWKPATH|AWKLIBPATH|KUBECONFIG|KUBE_EDITOR|SSH_.*|SUDO_.*|DOCKER_.*|XDG_.*|HOME|TMPDIR|BC_ENV_ARGS|GCC_.*|MAKEFLAGS|MAKEFILES|NULLCMD|READNULLCMD|ZDOTDIR|FPATH|CURL_HOME|WGETRC|NETRC|OPENSSL_.*|SSLKEYLOGFILE|AWS_CONFIG_FILE|AWS_SHARED_CREDENTIALS_FILE|GLIBC_TUNABLES|MALLOC_.*|NLSPATH|TERMINFO.*|TERMCAP|INPUTRC|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|TZDIR|LESS|MORE|MANOPT|MANPATH|VIMINIT|EXINIT|FZF_.*|RIPGREP_CONFIG_PATH|BAT_.*|KUBECTL_.*|HELM_.*|CLOUDSDK_.*|BUNDLE_.*|GEM_.*|BORG_.*|RESTIC_.*|MYSQL_.*|ANSIBLE_.*|SVN_.*|HG.*|CVS_.*|LLVM_PROFILE_FILE|GCOV_PREFIX)$/
