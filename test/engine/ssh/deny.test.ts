// Rules that deny by program and words, under a policy that allows everything else: what cannot be read must not get past them.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { approved } from '../../session/people.ts'
import { sshdStage } from './sshd-stage.ts'

const EVERYTHING = '{ name: everything, then: allow }'

describe('a rule that denies, where everything else is allowed', () => {
  const stage = sshdStage()
  const { gatewayOf } = stage

  /** A folder with a file that must stay. */
  const victim = (): { folder: string; file: string } => {
    const folder = path.join(stage.sshd.dir, 'victim')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'file'), 'stays')
    return { folder, file: path.join(folder, 'file') }
  }

  it('is not dodged by a program’s name that is not written out', async () => {
    const gateway = await gatewayOf(EVERYTHING, '{ name: no-rm, ssh: { programs: [rm, unlink] }, then: deny }')
    const { folder, file } = victim()
    for (const line of [
      `rm ${file}`,
      `/bin/rm ${file}`,
      `r''m ${file}`,
      `X=rm; $X ${file}`,
      `X=r; \${X}m ${file}`,
      `$(echo rm) ${file}`,
      `\`echo rm\` ${file}`,
      `eval "r""m ${file}"`,
      `bash -c "$(printf 'r%s' m) ${file}"`,
      `f() { "$@"; }; f rm ${file}`,
      `echo 'rm ${file}' | sh`,
      `sh <<< 'rm ${file}'`,
      `python3 -c 'import os; os.remove("${file}")'`,
      `cd ${folder}; /bin/r[m] file`,
      `cd /bin; ./r? ${file}`,
      `{rm,${file}}`,
      `alias x=rm; x ${file}`,
      `trap 'rm ${file}' EXIT`,
      `env -S 'rm ${file}'`,
      `find ${folder} -type f -exec rm {} +`,
      `printf '%s' ${file} | xargs rm`,
      `hash -p /bin/rm ls; ls ${file}`,
      `enable -n echo; command rm ${file}`,
      `PATH=/bin:$PATH; rm ${file}`,
      `IFS=x; c=rmx${file}; $c`,
      `busybox rm ${file}`,
    ]) {
      const ran = await gateway.ssh(line)
      assert.equal(ran.status, 126, `${line}: ${ran.stdout.toString()}${ran.stderr}`)
      assert.match(ran.stderr, /denied by rule no-rm/, line)
      assert.equal(existsSync(file), true, line)
    }
    assert.equal((await gateway.ssh(`cat ${file}; X=1; echo "$X"`)).stdout.toString(), 'stays1\n')
  })

  it('is not dodged by words that are not written out', async () => {
    const gateway = await gatewayOf(EVERYTHING, '{ name: no-force, ssh: { commands: ["rm -rf **", "chmod 777 *"] }, then: deny }')
    const { folder, file } = victim()
    for (const line of [
      `X=-rf; rm $X ${folder}`,
      `rm "$(printf '%s' -rf)" ${folder}`,
      `rm -r{f,f} ${folder}`,
      `rm \${Y:--rf} ${folder}`,
      `set -- -rf ${folder}; rm "$@"`,
      `rm $'-r\\x66' ${folder}`,
      `echo -rf ${folder} | xargs rm`,
      `X="777 ${file}"; chmod $X`,
      `chmod 7[7]7 ${file}`,
    ]) {
      const ran = await gateway.ssh(line)
      assert.equal(ran.status, 126, `${line}: ${ran.stderr}`)
      assert.equal(existsSync(file), true, line)
    }
    assert.equal((await gateway.ssh(`X=${file}; chmod 600 "$X"; rm -- "${file}"`)).status, 0)
    assert.equal(existsSync(file), false)
  })

  it('is not dodged by a redirection whose file is not written out', async () => {
    const { folder } = victim()
    const gateway = await gatewayOf(EVERYTHING, `{ name: no-writes, ssh: { operations: [write], paths: ["${folder}/**"] }, then: deny }`)
    for (const line of [
      `echo x > ${folder}/new`,
      `F=${folder}/new; echo x > $F`,
      `cd ${folder}; echo x > new`,
      `echo x > ${folder}/../victim/new`,
      `echo x | tee ${folder}/new`,
    ]) {
      const ran = await gateway.ssh(line)
      assert.equal(ran.status, 126, line)
      assert.equal(existsSync(path.join(folder, 'new')), false, line)
    }
  })

  it('lets people decide on what cannot be read, where a rule asks them', async () => {
    const gateway = await gatewayOf(
      '{ name: ask-rest, ssh: { requests: [exec] }, then: ask, approvers: ops }',
      '{ name: no-rm, ssh: { programs: [rm] }, then: deny }',
    )
    const running = gateway.ssh('X=echo; $X decided')
    ;(await gateway.people.request(1)).answer(approved)
    assert.equal((await running).stdout.toString(), 'decided\n')
    assert.equal((await gateway.ssh('rm /nonexistent')).status, 126)
  })

  it('never counts words that are not known for a word that an allow rule lists', async () => {
    const { file } = victim()
    const gateway = await gatewayOf('{ name: few, ssh: { requests: [exec], commands: ["touch *", "ls -l *", "echo **"] }, then: allow }')
    for (const line of [`X="a ${file}"; touch $X`, `touch "$X" ${file}`, 'ls -l $Y', 'ls $Z x']) {
      assert.equal((await gateway.ssh(line)).status, 126, line)
    }
    assert.equal((await gateway.ssh('echo "$HOME" $SHELL >/dev/null; echo fine')).stdout.toString(), 'fine\n')
  })
})
