#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests check_replies.py: right answers to the repository's capture pass, each kind of wrong one is found.

    test_check_replies.py CAPTURE         (prints TAP)
"""
import os
import shutil
import struct
import sys
import tempfile

import check_replies

MACHINES = 100
FIRST_IP = 0x0A400001
START_NS = 1039392000 * 10**9


def checksum(data):
    """RFC 1071."""
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(machine):
    return b'\x02\x44\x4e' + machine.to_bytes(3, 'big')


def frames_of(path):
    """(virtual time, frame) of each frame of a little-endian microsecond pcap file."""
    data, offset, first, latest = open(path, 'rb').read(), 24, None, 0
    while offset < len(data):
        seconds, us, length = struct.unpack_from('<III', data, offset)
        stamp = seconds * 10**9 + us * 1000
        first = stamp if first is None else first
        latest = max(latest, stamp)
        yield START_NS + latest - first, data[offset + 16:offset + 16 + length]
        offset += 16 + length


def arp_answer(frame):
    machine = int.from_bytes(frame[38:42], 'big') - FIRST_IP
    if frame[21] != 1 or not 0 <= machine < MACHINES:
        return
    yield machine, frame[6:12] + mac(machine) + frame[12:20] + b'\0\2' + mac(machine) + frame[38:42] + frame[22:32]


def message_of(packet, waiting):
    """The whole IP payload once its last fragment is here (in order, as Linux sends them), else None."""
    key, place = packet[4:6] + packet[12:20], int.from_bytes(packet[6:8], 'big')
    waiting[key] = waiting.get(key, b'') + packet[20:]
    return None if place & 0x2000 else waiting.pop(key)


def answer_to(protocol, message, source, destination):
    if protocol == 1 and message[0] == 8:
        answer = bytes(4) + message[4:]
        return answer[:2] + struct.pack('>H', checksum(answer)) + answer[4:]
    if protocol == 17 and message[2:4] == b'\0\7':
        answer = message[2:4] + message[:2] + message[4:6] + bytes(2) + message[8:]
        pseudo = destination + source + b'\0\x11' + message[4:6]
        return answer[:6] + struct.pack('>H', checksum(pseudo + answer) or 0xFFFF) + answer[8:]
    return None


def ip_answer(frame, waiting):
    machine = int.from_bytes(frame[3:6], 'big')
    if frame[:3] != mac(0)[:3] or machine >= MACHINES:
        return
    packet = frame[14:14 + int.from_bytes(frame[16:18], 'big')]
    message = message_of(packet, waiting)
    answer = message and answer_to(packet[9], message, packet[12:16], packet[16:20])
    for at in range(0, len(answer or b''), 1480):
        piece = answer[at:at + 1480]
        place = at // 8 | (0x2000 if at + 1480 < len(answer) else 0)
        head = struct.pack('>BBH2sHBBH', 0x45, 0, 20 + len(piece), packet[4:6], place, 64, packet[9], 0)
        head += packet[16:20] + packet[12:16]
        head = head[:10] + struct.pack('>H', checksum(head)) + head[12:]
        yield machine, frame[6:12] + frame[:6] + b'\x08\x00' + head + piece


def answers_to(path):
    """What the machines should send: a list of (machine, time, frame)."""
    result, waiting = [], {}
    for time, frame in frames_of(path):
        kind = frame[12:14]
        answers = arp_answer(frame) if kind == b'\x08\x06' else ip_answer(frame, waiting) if kind == b'\x08\0' else ()
        result += [(machine, time, answer) for machine, answer in answers]
    return result


def block(kind, body):
    body += b'\0' * (-len(body) % 4)
    return struct.pack('<II', kind, len(body) + 12) + body + struct.pack('<I', len(body) + 12)


def write_pcapng(path, answers):
    with open(path, 'wb') as file:
        file.write(block(0x0A0D0D0A, struct.pack('<IHHq', 0x1A2B3C4D, 1, 0, -1)))
        for machine in range(MACHINES):
            name = b'vm %d' % machine
            option = struct.pack('<HH', 2, len(name)) + name + b'\0' * (-len(name) % 4)
            file.write(block(1, struct.pack('<HHI', 1, 0, 0) + option + struct.pack('<HHII', 9, 1, 9, 0)))
        for machine, time, frame in answers:
            head = struct.pack('<IIIII', machine, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame))
            file.write(block(6, head + frame))


def at(index, change):
    """A way to spoil the answers: replace the one with this index by what `change` makes of it."""
    return lambda answers: answers[:index] + change(answers[index]) + answers[index + 1:]


def patch(offset, new):
    return lambda answer: [(*answer[:2], answer[2][:offset] + new + answer[2][offset + len(new):])]


def with_sequence(answer):
    """A reply, correct in itself, to a request that nobody made."""
    icmp = answer[2][34:36] + bytes(2) + answer[2][38:40] + b'\x77\x77' + answer[2][42:]
    return patch(34, icmp[:2] + struct.pack('>H', checksum(icmp)) + icmp[4:])(answer)


def ways_to_spoil(answers):
    arp = next(i for i, (_, _, frame) in enumerate(answers) if frame[12:14] == b'\x08\x06')
    echo = next(i for i, (_, _, frame) in enumerate(answers) if frame[23] == 1 and len(frame) < 1000)
    fragment = next(i for i, (_, _, frame) in enumerate(answers) if len(frame) == 1514)
    udp = next(i for i, (_, _, frame) in enumerate(answers) if frame[23] == 17 and len(frame) > 60)
    stray = (3, answers[echo][1], b'\xff' * 6 + mac(3) + b'\x08\0' + bytes(46))
    return {
        'missing_reply_is_found': at(echo, lambda a: []),
        'doubled_reply_is_found': at(echo, lambda a: [a, a]),
        'missing_fragment_is_found': at(fragment, lambda a: []),
        'doubled_datagram_is_found': at(udp, lambda a: [a, a]),
        'corrupt_icmp_data_is_found': at(echo, patch(50, b'\xee')),
        'corrupt_udp_data_is_found': at(udp, patch(50, b'\xee')),
        'wrong_ip_checksum_is_found': at(udp, patch(24, b'\0\0')),
        'wrong_sequence_is_found': at(echo, with_sequence),
        'wrong_destination_mac_is_found': at(echo, patch(0, b'\2' * 6)),
        'wrong_interface_is_found': at(echo, lambda a: [((a[0] + 1) % MACHINES, *a[1:])]),
        'wrong_arp_mac_is_found': at(arp, patch(22, mac(9))),
        'reply_before_request_is_found': at(echo, lambda a: [(a[0], a[1] - 1, a[2])]),
        'stray_frame_is_found': at(echo, lambda a: [stray, a]),
    }


def main(capture):
    if not shutil.which('tshark'):
        print('1..0 # SKIP tshark is not installed')
        return
    answers = answers_to(capture)
    net = check_replies.Network('10.64.0.1/10', MACHINES)
    asked = check_replies.requests_of(net, check_replies.read(capture))
    cases = {'right_answers_pass': None, **ways_to_spoil(answers)}
    print('1..%d' % len(cases))
    with tempfile.TemporaryDirectory() as directory:
        output = os.path.join(directory, 'out.pcapng')
        for number, (name, spoil) in enumerate(cases.items(), 1):
            write_pcapng(output, spoil(answers) if spoil else answers)
            faults, _ = check_replies.check(net, asked, check_replies.read(output))
            print('%s %d - %s' % ('ok' if bool(faults) == bool(spoil) else 'not ok', number, name))
            print(''.join('# %s\n' % fault for fault in faults), end='')


if __name__ == '__main__':
    main(*sys.argv[1:])
