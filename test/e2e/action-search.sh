# Looks for the canary wherever a job can look: variables, every process it may read, the files of the job and its home, what the gateway
# left readable. The canary is taken apart in this text, so that the text itself is no hit.
needle="$CANARY_HEAD$CANARY_TAIL"
unset CANARY_HEAD CANARY_TAIL
env | grep -qF "$needle" && echo 'found in a variable'
for file in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do
  pid=${file#/proc/}
  [ "${pid%%/*}" = "$$" ] && continue
  grep -qaF "$needle" "$file" 2> /dev/null && echo "found in $file"
done
for pid in $(pgrep -f 'gateway\.mjs' || true); do
  grep -qaF "$needle" "/proc/$pid/environ" 2> /dev/null && echo "found in the gateway's environment"
  ls -l "/proc/$pid/fd" > /dev/null 2>&1 && echo "descriptors of $pid are readable"
  head -c 1 "/proc/$pid/mem" > /dev/null 2>&1 && echo "memory of $pid can be opened"
done
grep -rlaF "$needle" "$GITHUB_WORKSPACE" "$RUNNER_TEMP" "$HOME" /var/lib/sallyport-* 2> /dev/null | sed 's/^/found in file /'
echo searched
