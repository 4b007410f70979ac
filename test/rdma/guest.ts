import { spawn } from 'node:child_process'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { temporaryFolder } from './folders.ts'
import type { Image } from './image.ts'

const GUEST_SCRIPT = fileURLToPath(new URL('./guest/guest.sh', import.meta.url))
/** What the guest says when its command begins. */
const READY = 'rdma-guest: ready'
const TAIL_LINES = 20

export interface GuestOptions {
  /** A bash script, run as root in the checkout, which is where it is on this machine. */
  readonly command: string
  readonly checkout: string
  /** Laid over the checkout. */
  readonly compiled: string
  readonly cores: number
  readonly memoryMib: number
  readonly limitMs: number
  /** Of its network card, where it has one. Without, there are two devices on one cable inside the guest. */
  readonly network?: { readonly address: string; readonly options: string }
  /** Ends it. */
  readonly signal?: AbortSignal
  /** What it says, line by line. */
  readonly say: (line: string) => void
}

export interface GuestEnd {
  /** Of the command; null when there is none. */
  readonly exitCode: number | null
  readonly bootMs: number
  /** Why there is no exit code. */
  readonly reason: string
}

/**
 * Boots a guest that sees all files of this machine and writes none of them, runs a command in it, and lets it go. What the
 * guest writes is lost with it. It has no network but its own.
 */
export async function runGuest(image: Image, options: GuestOptions): Promise<GuestEnd> {
  using folder = temporaryFolder('guest')
  const exchange = folder.path
  cpSync(GUEST_SCRIPT, join(exchange, 'guest.sh'))
  writeFileSync(join(exchange, 'command'), options.command)
  const { checkout, compiled, network } = options
  const settings = {
    ADDRESS: network?.address ?? '',
    CHECKOUT: checkout,
    COMPILED: compiled,
    NODE: dirname(process.execPath),
    READY,
  }
  writeFileSync(join(exchange, 'settings'), shellVariables(settings))
  const { how, bootMs, tail } = await boot(image, exchange, options)
  const path = join(exchange, 'exit-code')
  if (existsSync(path)) return { exitCode: Number(readFileSync(path, 'utf8')), bootMs, reason: '' }
  return { exitCode: null, bootMs, reason: `the guest ${how}; it last said:\n${tail}` }
}

function shellVariables(values: Record<string, string>): string {
  const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quoted(value)}\n`)
    .join('')
}

async function boot(
  image: Image,
  exchange: string,
  options: GuestOptions,
): Promise<{ how: string; bootMs: number; tail: string }> {
  const startMs = performance.now()
  // The kernel ends it with us, however we end.
  const command = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...qemuArguments(image, exchange, options)]
  const qemu = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'] })
  const end = (): void => void qemu.kill('SIGKILL')
  process.once('exit', end)
  if (options.signal?.aborted) end()
  options.signal?.addEventListener('abort', end, { once: true })
  let bootMs = 0
  const tail: string[] = []
  const hear = (line: string): void => {
    if (line === READY) bootMs = performance.now() - startMs
    if (line === READY || /^\[[ \d.]+\] (reboot: Restarting system|\.\.MP-BIOS bug)/.test(line)) return
    tail.push(line)
    if (tail.length > TAIL_LINES) tail.shift()
    options.say(line)
  }
  for (const input of [qemu.stdout, qemu.stderr]) createInterface({ input }).on('line', hear)
  let how = 'ended without having run its command'
  const timer = setTimeout(() => {
    how = `was ended: it took more than ${options.limitMs / 1000} s`
    end()
  }, options.limitMs)
  const ended = Promise.withResolvers<undefined>()
  qemu.once('close', () => ended.resolve(undefined))
  qemu.once('error', (error) => {
    how = `could not be started: ${error.message}`
    ended.resolve(undefined)
  })
  await ended.promise
  clearTimeout(timer)
  process.off('exit', end)
  options.signal?.removeEventListener('abort', end)
  return { how, bootMs, tail: tail.join('\n') }
}

function qemuArguments(image: Image, exchange: string, { cores, memoryMib, network }: GuestOptions): string[] {
  const kernelArguments = [
    'console=ttyS0 quiet loglevel=4 panic=-1 rdinit=/init net.ifnames=0',
    // What costs time in an emulated processor and guards nothing here.
    'mitigations=off nokaslr tsc=reliable nowatchdog audit=0 apparmor=0 cryptomgr.notests',
  ]
  const share = (tag: string, path: string, ...more: string[]): string[] => [
    '-fsdev',
    ['local', `id=${tag}`, `path=${path}`, 'security_model=none', ...more].join(),
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ]
  const card =
    network === undefined ? ['-nic', 'none'] : ['-netdev', network.options, '-device', cardOf(network.address)]
  return [
    // In software: the same everywhere, and no machine need allow virtual machines within. A processor that is simple to
    // imitate, and that has all that Node.js asks for.
    ...['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'Westmere'],
    ...['-machine', 'pc,usb=off', '-smp', String(cores), '-m', String(memoryMib)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-monitor', 'none', '-no-reboot'],
    ...['-kernel', image.kernel, '-initrd', image.initramfs, '-append', kernelArguments.join(' ')],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...share('host', '/', 'readonly=on', 'multidevs=remap'),
    ...share('exchange', exchange),
    ...card,
  ]
}

/** Two guests, two addresses on the wire. */
function cardOf(address: string): string {
  const last = Number(address.split('.').at(-1)).toString(16).padStart(2, '0')
  return `virtio-net-pci,netdev=wire,mac=52:54:00:77:00:${last}`
}
