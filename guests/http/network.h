/* SPDX-License-Identifier: MIT
 *
 * IPv4 over Ethernet for the guest http: one address, ARP both ways, answers to pings, whole datagrams only.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "packet.h"

struct network {
    uint32_t address, mask, gateway;
    uint16_t identification;
    uint8_t input[DENALI_FRAME_MAX], output[DENALI_FRAME_MAX];
    /* The answer to the last network_ask(). */
    uint32_t asked;
    bool answered;
    uint8_t answer[MAC_SIZE];
    void *user;
    /* A TCP segment has come from this MAC and address. */
    void (*segment)(struct network *, const uint8_t *mac, uint32_t source, const uint8_t *bytes, uint32_t length);
};

/* Reads "A.B.C.D/LEN" (machine i has the address A.B.C.D + i). False: it is none. */
bool network_parse(struct network *, const char *text);
/* An address as text; *text moves behind it. False: there is none. */
bool address_parse(const char **text, uint32_t *address);
/* Everything that has come is handled. */
void network_input(struct network *);
/* Ask for the MAC address to which frames for this address go. */
void network_ask(struct network *, uint32_t to);
void network_send(struct network *, const uint8_t *mac, uint32_t to, uint8_t protocol, const void *bytes,
                  uint32_t length);
