/* A server that tells the truth about latency.
 *
 *   delay_server LOG LOW_US HIGH_US TAIL_US TAIL_PERMILLE [STALL_AT_MS STALL_MS]...
 *
 * It answers every GET after a delay of its own: between LOW_US and HIGH_US, evenly, but
 * TAIL_US for so many of a thousand. On SIGTERM it writes LOG: for each answer the
 * nanoseconds from receiving the request to having sent the answer, as unsigned 64-bit
 * numbers. A request is received when the kernel has it: what it waits for this process is
 * part of the answer's time. It prints its port when it listens. One thread, one epoll, one timer.
 *
 * With stalls it stands still then, counted from when its first answer is due: what is due in
 * one is answered at its end. LOG then has two numbers for each answer: when its request was received
 * and when it was sent, in nanoseconds of the wall clock.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_EVENTS = 512, HEAD = 2048, MAX_STALLS = 64 };

static const char ANSWER[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nHello World\n";

struct connection {
    uint64_t received_ns;
    size_t filled;
    char head[HEAD];
};

struct due {
    uint64_t at_ns;
    int fd;
};

static struct connection *connections[MAX_FD];
static struct due heap[MAX_FD];
static size_t heap_size;
static uint64_t *log_ns;
static size_t log_size, log_room;
static uint64_t stall_at_ns[MAX_STALLS], stall_ns[MAX_STALLS], first_ns;
static size_t stalls;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t in_ns(struct timespec time) {
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t now_ns(void) { /* of the clock that the kernel stamps what it receives with */
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return in_ns(time);
}

/* Like recv, and when the kernel received the last of it. */
static ssize_t receive(int fd, char *to, size_t room, uint64_t *received_ns) {
    char control[128];
    struct iovec piece = {to, room};
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control,
    };
    ssize_t got = recvmsg(fd, &message, 0);
    *received_ns = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); got > 0 && part;
         part = CMSG_NXTHDR(&message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(part), sizeof time);
            *received_ns = in_ns(time);
        }
    if (got > 0 && !*received_ns) fail("the kernel does not say when it received");
    return got;
}

static uint64_t random_number(void) { /* xorshift: the same delays in every run */
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void push(struct due item) {
    size_t at = heap_size++;
    while (at && heap[(at - 1) / 2].at_ns > item.at_ns) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = item;
}

static struct due pop(void) {
    struct due first = heap[0], last = heap[--heap_size];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap_size) break;
        if (child + 1 < heap_size && heap[child + 1].at_ns < heap[child].at_ns) child++;
        if (heap[child].at_ns >= last.at_ns) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

static void answer(int fd) {
    struct connection *connection = connections[fd];
    if (!connection) return; /* it went away meanwhile */
    if (send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) < 0) return;
    if (log_size + 2 > log_room) {
        log_room = log_room ? 2 * log_room : 1u << 20;
        log_ns = realloc(log_ns, log_room * sizeof *log_ns);
        if (!log_ns) fail("realloc");
    }
    if (stalls) {
        log_ns[log_size++] = connection->received_ns;
        log_ns[log_size++] = now_ns();
        return;
    }
    log_ns[log_size++] = now_ns() - connection->received_ns;
}

/* When what is due then is answered: not while it stands still. */
static uint64_t until_ns(uint64_t due_ns) {
    if (!first_ns) first_ns = due_ns;
    for (size_t at = 0; at < stalls; at++) {
        uint64_t begin_ns = first_ns + stall_at_ns[at], end_ns = begin_ns + stall_ns[at];
        if (begin_ns <= due_ns && due_ns < end_ns) return end_ns;
    }
    return due_ns;
}

static void leave(int fd) {
    for (size_t at = 0; at < heap_size; at++)
        if (heap[at].fd == fd) heap[at].fd = 0; /* nobody is told */
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

int main(int argc, char **argv) {
    if (argc < 6 || argc % 2 || argc > 6 + 2 * MAX_STALLS) {
        fprintf(stderr, "delay_server LOG LOW_US HIGH_US TAIL_US TAIL_PERMILLE [AT_MS FOR_MS]...\n");
        return 2;
    }
    uint64_t low_ns = strtoull(argv[2], NULL, 10) * 1000;
    uint64_t high_ns = strtoull(argv[3], NULL, 10) * 1000;
    uint64_t tail_ns = strtoull(argv[4], NULL, 10) * 1000;
    uint64_t tail_permille = strtoull(argv[5], NULL, 10);
    for (int at = 6; at < argc; at += 2) {
        stall_at_ns[stalls] = strtoull(argv[at], NULL, 10) * 1000000;
        stall_ns[stalls++] = strtoull(argv[at + 1], NULL, 10) * 1000000;
    }

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, length)) fail("bind");
    int on = 1; /* inherited by what is accepted */
    if (setsockopt(listener, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on)) fail("setsockopt");
    if (listen(listener, 8192)) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);

    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    int signals = signalfd(-1, &ends, 0);
    int timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    int epoll = epoll_create1(0);
    int watched[] = {listener, signals, timer};
    for (size_t at = 0; at < 3; at++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = watched[at]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, watched[at], &event)) fail("epoll_ctl");
    }
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);

    struct epoll_event events[MAX_EVENTS];
    uint64_t armed_ns = 0;
    for (;;) {
        int count = epoll_wait(epoll, events, MAX_EVENTS, -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int at = 0; at < count; at++) {
            int fd = events[at].data.fd;
            if (fd == signals) {
                FILE *log = fopen(argv[1], "wb");
                if (!log || fwrite(log_ns, sizeof *log_ns, log_size, log) != log_size)
                    fail(argv[1]);
                return fclose(log) != 0;
            }
            if (fd == timer) {
                uint64_t times;
                if (read(timer, &times, sizeof times) < 0 && errno != EAGAIN) fail("timer");
                armed_ns = 0;
                continue;
            }
            if (fd == listener) {
                int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (client < 0) continue;
                if (client >= MAX_FD) {
                    close(client);
                    continue;
                }
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                connections[client] = calloc(1, sizeof **connections);
                if (!connections[client]) fail("calloc");
                struct epoll_event event = {.events = EPOLLIN, .data.fd = client};
                if (epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event)) fail("epoll_ctl");
                continue;
            }
            struct connection *connection = connections[fd];
            uint64_t received_ns;
            ssize_t got = receive(
                fd, connection->head + connection->filled, HEAD - connection->filled, &received_ns);
            if (got <= 0) {
                if (got == 0 || errno != EAGAIN) leave(fd);
                continue;
            }
            connection->filled += (size_t)got;
            if (!memmem(connection->head, connection->filled, "\r\n\r\n", 4)) {
                if (connection->filled == HEAD) leave(fd);
                continue;
            }
            connection->filled = 0;
            connection->received_ns = received_ns;
            uint64_t number = random_number();
            uint64_t delay_ns = low_ns;
            if (number % 1000 < tail_permille)
                delay_ns = tail_ns;
            else if (high_ns > low_ns)
                delay_ns += number / 1000 % (high_ns - low_ns);
            if (stalls) delay_ns = until_ns(received_ns + delay_ns) - received_ns;
            if (delay_ns)
                push((struct due){received_ns + delay_ns, fd});
            else
                answer(fd);
        }
        while (heap_size && heap[0].at_ns <= now_ns()) answer(pop().fd);
        if (heap_size && (!armed_ns || heap[0].at_ns < armed_ns)) {
            armed_ns = heap[0].at_ns;
            struct itimerspec when = {
                .it_value = {(time_t)(armed_ns / 1000000000u), (long)(armed_ns % 1000000000u)}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
        }
    }
}
