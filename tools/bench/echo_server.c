/* A WebSocket server that echoes, and counts where others can see it.
 *
 *   echo_server COUNTS
 *
 * It prints `port N` when it listens. COUNTS is a file of two unsigned 64-bit numbers in memory:
 * the messages that came, and the sockets that are open. Messages are one frame each, at most
 * MAX_FRAME bytes; the next one of a connection may come before its echo was read. One thread, one
 * epoll. SIGTERM ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_EVENTS = 512, MAX_FRAME = 60000, ROOM = 65536 };

struct connection {
    int open;
    size_t filled;
    unsigned char data[ROOM];
};

static struct connection *connections[MAX_FD];
static uint64_t *counts;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint32_t rotated(uint32_t value, int bits) {
    return value << bits | value >> (32 - bits);
}

/* The SHA-1 of a text of less than 120 bytes. */
static void sha1(const char *text, unsigned char digest[20]) {
    uint32_t hash[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    unsigned char blocks[128] = {0};
    size_t length = strlen(text), used = length < 56 ? 64 : 128;
    memcpy(blocks, text, length);
    blocks[length] = 0x80;
    blocks[used - 2] = (unsigned char)(length * 8 >> 8);
    blocks[used - 1] = (unsigned char)(length * 8);
    for (size_t at = 0; at < used; at += 64) {
        uint32_t w[80], a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
        for (int i = 0; i < 16; i++) {
            const unsigned char *four = blocks + at + 4 * i;
            w[i] = (uint32_t)four[0] << 24 | (uint32_t)four[1] << 16 | four[2] << 8 | four[3];
        }
        for (int i = 16; i < 80; i++) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                         : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                         : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                  : (b ^ c ^ d) + 0xCA62C1D6;
            uint32_t next = rotated(a, 5) + f + e + w[i];
            e = d, d = c, c = rotated(b, 30), b = a, a = next;
        }
        hash[0] += a, hash[1] += b, hash[2] += c, hash[3] += d, hash[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(hash[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const unsigned char digest[20], char text[29]) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char padded[21] = {0};
    memcpy(padded, digest, 20);
    for (int i = 0; i < 7; i++) {
        uint32_t three = padded[3 * i] << 16 | padded[3 * i + 1] << 8 | padded[3 * i + 2];
        for (int k = 0; k < 4; k++) text[4 * i + k] = letters[three >> (18 - 6 * k) & 63];
    }
    text[27] = '=';
    text[28] = 0;
}

/* Answers the handshake, if it has come whole; -1: it is none. */
static int shake_hands(int fd, struct connection *it) {
    unsigned char *end = memmem(it->data, it->filled, "\r\n\r\n", 4);
    if (end == NULL) return it->filled < ROOM ? 0 : -1;
    *end = 0;
    char *key = strcasestr((char *)it->data, "\r\nSec-WebSocket-Key:");
    if (key == NULL) return -1;
    key += strlen("\r\nSec-WebSocket-Key:");
    key += strspn(key, " ");
    size_t length = strcspn(key, " \r");
    if (length > 40) return -1;
    char text[80], accept[29], answer[256];
    unsigned char digest[20];
    snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)length, key);
    sha1(text, digest);
    base64(digest, accept);
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
    if (send(fd, answer, (size_t)size, MSG_NOSIGNAL) != size) return -1;
    size_t used = (size_t)(end + 4 - it->data);
    memmove(it->data, it->data + used, it->filled -= used);
    it->open = 1;
    counts[1]++;
    return 0;
}

/* Echoes one frame; its size, 0 if it has not come whole, -1 at the end of the connection. */
static long echo(int fd, unsigned char *data, size_t filled) {
    if (filled < 6) return 0;
    size_t length = data[1] & 127, head = 6;
    if (length == 127) return -1;
    if (length == 126) {
        length = (size_t)data[2] << 8 | data[3];
        head = 8;
    }
    if (length > MAX_FRAME || !(data[1] & 128)) return -1;
    if (filled < head + length) return 0;
    unsigned char *mask = data + head - 4, *payload = data + head;
    for (size_t i = 0; i < length; i++) payload[i] ^= mask[i & 3];
    int opcode = data[0] & 15;
    unsigned char *start = payload - (length > 125 ? 4 : 2);
    unsigned char first = (unsigned char)(0x80 | (opcode == 9 ? 10 : opcode));
    start[0] = first;
    if (length > 125) {
        start[1] = 126;
        start[2] = (unsigned char)(length >> 8);
        start[3] = (unsigned char)length;
    } else {
        start[1] = (unsigned char)length;
    }
    if (opcode != 10) {
        size_t size = (size_t)(payload + length - start);
        if (send(fd, start, size, MSG_NOSIGNAL) != (ssize_t)size) return -1;
    }
    if (opcode == 1 || opcode == 2) counts[0]++;
    return opcode == 8 ? -1 : (long)(head + length);
}

/* Reads what has come; -1: the connection is over. */
static int serve(int fd) {
    struct connection *it = connections[fd];
    ssize_t came = recv(fd, it->data + it->filled, ROOM - it->filled, MSG_DONTWAIT);
    if (came <= 0) return -1;
    it->filled += (size_t)came;
    if (!it->open && shake_hands(fd, it)) return -1;
    size_t used = 0;
    while (it->open) {
        long size = echo(fd, it->data + used, it->filled - used);
        if (size < 0) return -1;
        if (size == 0) break;
        used += (size_t)size;
    }
    if (used) memmove(it->data, it->data + used, it->filled -= used);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    int file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || ftruncate(file, 16)) fail(argv[1]);
    counts = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (counts == MAP_FAILED) fail("mmap");
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        fail("listen");
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[MAX_EVENTS];
    if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event)) fail("epoll");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(poll, events, MAX_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                if (serve(fd)) {
                    counts[1] -= connections[fd]->open;
                    free(connections[fd]);
                    connections[fd] = NULL;
                    close(fd);
                }
                continue;
            }
            while ((fd = accept(listener, NULL, NULL)) >= 0) {
                if (fd >= MAX_FD || !(connections[fd] = calloc(1, sizeof **connections))) {
                    close(fd);
                    continue;
                }
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
                if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
            }
        }
    }
}
