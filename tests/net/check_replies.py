#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks what machines running the guest `echo` answered to a capture.

    check_replies.py INPUT OUTPUT MACHINES [NET]        (NET: as the guest's, default 10.64.0.1/10)

Both captures are dissected by tshark, fragments reassembled: nothing of denali's has a say in what is right. Verified:
- each ICMP echo request to a machine (its MAC and its IP address) has exactly one reply, with the same identifier,
  sequence number and data; each UDP datagram to port 7 too; each ARP request for a machine's address too;
- addresses are swapped, every checksum is right, and the frame comes from the machine's own interface;
- no reply is stamped before its request arrived;
- nothing else comes out.
Exit status: 0 all is well, 1 a fault (the first of them are printed), 2 could not check.
"""
import collections
import ipaddress
import re
import subprocess
import sys

START_NS = 1039392000 * 10**9  # 2002-12-09T00:00:00Z: the virtual clock when the capture's first frame arrives
BROADCAST = 'ff:ff:ff:ff:ff:ff'
GOOD, ABSENT = '1', '3'  # tshark's *.checksum.status
FAULTS_SHOWN = 20

FIELDS = '''frame.number frame.time_epoch frame.interface_id frame.interface_name eth.src eth.dst arp.opcode
    arp.src.hw_mac arp.src.proto_ipv4 arp.dst.hw_mac arp.dst.proto_ipv4 ip.src ip.dst ip.checksum.status
    ip.reassembled_in icmp.type icmp.code icmp.checksum.status udp.srcport udp.dstport udp.checksum.status
    udp.length udp.payload'''.split()


class Unreadable(Exception):
    """A capture that tshark does not read to its end."""


def tshark(path, fields, *options):
    """tshark started on a capture, to print the named fields of every frame."""
    command = ['tshark', '-n', '-2', '-r', path, '-o', 'ip.defragment:TRUE', '-o', 'ip.check_checksum:TRUE',
               '-o', 'udp.check_checksum:TRUE', *options, '-T', 'fields', '-E', 'occurrence=f']
    for field in fields:
        command += ['-e', field]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rows(path, process):
    """What it printed, as lists of strings."""
    text, complaints = process.communicate()
    if process.returncode != 0:
        raise Unreadable('%s: tshark: %s' % (path, complaints.strip()))
    return [line.split('\t') for line in text.splitlines()]


def read(path):
    """The frames of a capture as dictionaries: FIELDS, 'ns' since 1970, 'icmp' = the whole message in hexadecimal."""
    dissected = tshark(path, FIELDS)
    # tshark splits the data of a ping when it believes to see a time in it, so the message is asked for undissected.
    undissected = tshark(path, ['data.data'], '-d', 'ip.proto==1,data')
    messages = rows(path, undissected)
    frames = [dict(zip(FIELDS, row)) for row in rows(path, dissected)]
    if len(messages) != len(frames):
        raise Unreadable('%s: tshark counts %d frames, then %d' % (path, len(frames), len(messages)))
    for frame, (message,) in zip(frames, messages):
        seconds, fraction = frame['frame.time_epoch'].split('.')
        frame['ns'] = int(seconds) * 10**9 + int(fraction.ljust(9, '0')[:9])
        frame['icmp'] = message
    return frames


class Network:
    """Which addresses are machines'."""

    def __init__(self, net, machines):
        self.first = int(ipaddress.ip_interface(net).ip)
        self.machines = machines

    def by_ip(self, text):
        index = int(ipaddress.ip_address(text)) - self.first if text else -1
        return index if 0 <= index < self.machines else None

    def by_mac(self, text):
        index = int(text.replace(':', ''), 16) - 0x02444E000000 if text else -1
        return index if 0 <= index < self.machines else None


# What is asked and what is answered are brought to one form, a key: (kind, machine, MAC and IP address of the other
# side, content). So an answer is right if its key is that of something asked, as often as it was asked.

def arp_key(net, frame, request):
    own, other = ('dst', 'src') if request else ('src', 'dst')
    machine = net.by_ip(frame['arp.%s.proto_ipv4' % own])
    if machine is None:
        return None
    to_all = request and frame['eth.dst'] == BROADCAST
    if not to_all and net.by_mac(frame['eth.%s' % own]) != machine:
        return None
    if not request and (net.by_mac(frame['arp.src.hw_mac']) != machine or frame['eth.dst'] != frame['arp.dst.hw_mac']):
        return None
    return 'ARP requests', machine, frame['arp.%s.hw_mac' % other], frame['arp.%s.proto_ipv4' % other], ''


def ip_key(net, frame, request):
    own, other = ('dst', 'src') if request else ('src', 'dst')
    machine = net.by_mac(frame['eth.%s' % own])
    if machine is None or machine != net.by_ip(frame['ip.%s' % own]) or frame['ip.checksum.status'] != GOOD:
        return None
    peer = machine, frame['eth.%s' % other], frame['ip.%s' % other]
    if frame['icmp.type'] == ('8' if request else '0') and frame['icmp.code'] == '0':
        good = frame['icmp.checksum.status'] == GOOD
        return ('ICMP echo requests', *peer, frame['icmp'][8:]) if good else None
    if frame['udp.%sport' % own] == '7':
        good = frame['udp.checksum.status'] in (GOOD, ABSENT)
        content = frame['udp.%sport' % other], frame['udp.length'], frame['udp.payload']
        return ('UDP datagrams to port 7', *peer, content) if good else None
    return None


def key_of(net, frame, request):
    if frame['arp.opcode']:
        return arp_key(net, frame, request) if frame['arp.opcode'] == ('1' if request else '2') else None
    return ip_key(net, frame, request) if frame['ip.src'] else None


def requests_of(net, frames):
    """Key -> arrival times, ns of virtual time, of all that must be answered."""
    asked = collections.defaultdict(list)
    first = latest = frames[0]['ns'] if frames else 0
    for frame in frames:
        latest = max(latest, frame['ns'])  # a stamp older than its predecessor's counts as its predecessor's
        key = key_of(net, frame, True)
        if key:
            asked[key].append(START_NS + latest - first)
    return asked


def is_from_its_interface(net, frame):
    machine = net.by_mac(frame['eth.src'])
    return frame['frame.interface_id'] == str(machine) and frame['frame.interface_name'] == 'vm %s' % machine


def describe(key):
    kind, machine, mac, ip, _ = key
    return '%s to machine %d from %s (%s)' % (kind, machine, ip, mac)


def check(net, asked, frames):
    """Faults as sentences, and how often each key was answered."""
    faults, answered = [], collections.Counter()
    for frame in frames:
        where = 'frame %s: ' % frame['frame.number']
        if not is_from_its_interface(net, frame):
            faults.append(where + 'MAC address %s on interface %s' % (frame['eth.src'], frame['frame.interface_name']))
        if frame['ip.src'] and frame['ip.checksum.status'] != GOOD:
            faults.append(where + 'wrong IP checksum')
        if frame['ip.reassembled_in'] and frame['ip.reassembled_in'] != frame['frame.number']:
            continue  # judged as a whole, where tshark puts it together
        key = key_of(net, frame, False)
        times = asked.get(key, [])
        if not times:
            faults.append(where + 'answers nothing that was asked')
        elif answered[key] == len(times):
            faults.append(where + 'a further answer: ' + describe(key))
        elif frame['ns'] < times[answered[key]]:
            faults.append(where + 'an answer before its question: ' + describe(key))
        answered[key] += 1
    for key, times in asked.items():
        if answered[key] < len(times):
            faults.append('no answer (%d of %d): %s' % (len(times) - answered[key], len(times), describe(key)))
    return faults, answered


def print_table(asked, answered):
    print('%-24s %8s %8s' % ('', 'asked', 'answered'))
    for kind in ('ARP requests', 'ICMP echo requests', 'UDP datagrams to port 7'):
        print('%-24s %8d %8d' % (kind, sum(len(times) for key, times in asked.items() if key[0] == kind),
                                 sum(count for key, count in answered.items() if key and key[0] == kind)))


def main(arguments):
    if len(arguments) not in (3, 4) or not re.fullmatch(r'[0-9]+', arguments[2]):
        print(__doc__, file=sys.stderr)
        return 2
    net = Network(arguments[3] if len(arguments) == 4 else '10.64.0.1/10', int(arguments[2]))
    try:
        asked = requests_of(net, read(arguments[0]))
        faults, answered = check(net, asked, read(arguments[1]))
    except (Unreadable, OSError) as trouble:
        print(trouble, file=sys.stderr)
        return 2
    print_table(asked, answered)
    for fault in faults[:FAULTS_SHOWN]:
        print(fault)
    print('faults: %d' % len(faults) if faults else
          'every question has its one right answer, and nothing else came out')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
