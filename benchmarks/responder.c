/* A name server that knows prepared answers by heart, so that a benchmark measures clients.
 *
 * stdin:  the number of questions (1 to 16, one octet), then for each one four blobs, each
 *         behind its length in four octets (big-endian): the question section; the answer by
 *         UDP to a query with an OPT record; by UDP to one without; by TCP (no length prefix).
 * stdout: the port, one line. It serves UDP and TCP on 127.0.0.1 until stdin ends.
 *
 * An answer gets the ID and the letter case of the query it answers; nothing else is computed.
 * A question that comes several times has several answers: they take turns.
 * Questions it does not know are answered with REFUSED. Bounded: at most 256 connections
 * (more are closed at once), 64 KiB a message, 1 s for a client to take its answer.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { HEADER = 12, MAX_QUESTIONS = 16, MAX_CONNECTIONS = 256, MAX_QUERY = 1024, OPT = 41 };
enum { EDNS, PLAIN, TCP, FORMS };
enum { STDIN_AT, UDP_AT, LISTENER_AT, FIRST };

struct blob {
  uint32_t size;
  uint8_t *data;
};

struct entry {
  struct blob question;
  struct blob answer[FORMS];
};

struct connection {
  size_t have;
  uint8_t data[2 + MAX_QUERY];
};

static struct entry entries[MAX_QUESTIONS];
static int entry_count;
static uint8_t out[2 + 65535];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void read_exactly(void *into, size_t size) {
  uint8_t *at = into;
  while (size > 0) {
    ssize_t got = read(0, at, size);
    if (got <= 0) {
      fputs("responder: stdin ended inside the answers\n", stderr);
      exit(1);
    }
    at += got;
    size -= (size_t)got;
  }
}

static struct blob read_blob(void) {
  uint8_t length[4];
  read_exactly(length, sizeof length);
  struct blob blob = {(uint32_t)length[0] << 24 | (uint32_t)length[1] << 16 |
                          (uint32_t)length[2] << 8 | length[3],
                      NULL};
  if (blob.size > 65535) {
    fputs("responder: a blob of more than 65535 octets\n", stderr);
    exit(1);
  }
  blob.data = malloc(blob.size ? blob.size : 1);
  if (blob.data == NULL) fail("malloc");
  read_exactly(blob.data, blob.size);
  return blob;
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

static int same_question(const struct blob *known, const uint8_t *query, size_t size) {
  if (size < HEADER + known->size) return 0;
  for (uint32_t i = 0; i < known->size; i++)
    if (lower(query[HEADER + i]) != lower(known->data[i])) return 0;
  return 1;
}

/* The message that answers a query, written to `into`; 0 where there is nothing to say. */
static size_t answer(const uint8_t *query, size_t size, int tcp, uint8_t *into) {
  static unsigned turn;
  int known[MAX_QUESTIONS], matches = 0;
  if (size < HEADER || query[2] & 0x80) return 0;
  for (int i = 0; i < entry_count; i++)
    if (same_question(&entries[i].question, query, size)) known[matches++] = i;
  if (matches > 0) {
    const struct entry *entry = &entries[known[turn++ % (unsigned)matches]];
    size_t behind = HEADER + entry->question.size;
    /* An OPT record: the root name and its type, right behind the question. */
    int edns = size >= behind + 11 && query[behind] == 0 && query[behind + 1] == 0 &&
               query[behind + 2] == OPT;
    const struct blob *form = &entry->answer[tcp ? TCP : edns ? EDNS : PLAIN];
    memcpy(into, form->data, form->size);
    memcpy(into, query, 2);
    memcpy(into + HEADER, query + HEADER, entry->question.size);
    return form->size;
  }
  memcpy(into, query, HEADER);
  into[2] = (uint8_t)(query[2] | 0x80);
  into[3] = 5; /* REFUSED */
  memset(into + 4, 0, 8);
  return HEADER;
}

static int bound(int type, in_port_t port) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = port};
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, type, 0);
  if (fd < 0) fail("socket");
  if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

static in_port_t port_of(int fd) {
  struct sockaddr_in here;
  socklen_t size = sizeof here;
  if (getsockname(fd, (struct sockaddr *)&here, &size) < 0) fail("getsockname");
  return here.sin_port;
}

static void serve_udp(int fd) {
  uint8_t query[MAX_QUERY];
  struct sockaddr_in from;
  for (int turn = 0; turn < 64; turn++) {
    socklen_t length = sizeof from;
    ssize_t got =
        recvfrom(fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (got < 0) return;
    size_t size = answer(query, (size_t)got, 0, out);
    if (size > 0) sendto(fd, out, size, 0, (struct sockaddr *)&from, length);
  }
}

/* One read from a connection and the answers to what is whole; 0 when it is over. */
static int serve_tcp(int fd, struct connection *connection) {
  ssize_t got = recv(fd, connection->data + connection->have,
                     sizeof connection->data - connection->have, 0);
  if (got <= 0) return 0;
  connection->have += (size_t)got;
  for (;;) {
    if (connection->have < 2) return 1;
    size_t size = (size_t)connection->data[0] << 8 | connection->data[1];
    if (size > MAX_QUERY) return 0;
    if (connection->have < 2 + size) return 1;
    size_t reply = answer(connection->data + 2, size, 1, out + 2);
    out[0] = (uint8_t)(reply >> 8);
    out[1] = (uint8_t)reply;
    for (size_t sent = 0; reply > 0 && sent < 2 + reply;) {
      ssize_t more = send(fd, out + sent, 2 + reply - sent, MSG_NOSIGNAL);
      if (more <= 0) return 0;
      sent += (size_t)more;
    }
    connection->have -= 2 + size;
    memmove(connection->data, connection->data + 2 + size, connection->have);
  }
}

int main(void) {
  static struct connection connections[MAX_CONNECTIONS];
  static struct pollfd polled[FIRST + MAX_CONNECTIONS];
  int count = 0;
  uint8_t questions;

  read_exactly(&questions, 1);
  if (questions < 1 || questions > MAX_QUESTIONS) {
    fputs("responder: 1 to 16 questions\n", stderr);
    return 1;
  }
  for (; entry_count < questions; entry_count++) {
    entries[entry_count].question = read_blob();
    for (int form = 0; form < FORMS; form++) entries[entry_count].answer[form] = read_blob();
  }
  int udp = -1, listener = -1;
  for (int attempt = 0; attempt < 100 && listener < 0; attempt++) {
    if (udp >= 0) close(udp);
    udp = bound(SOCK_DGRAM, 0);
    if (udp < 0) fail("bind");
    listener = bound(SOCK_STREAM, port_of(udp)); /* the same port, which may be taken */
  }
  if (listener < 0 || listen(listener, 128) < 0) fail("listen");
  printf("%d\n", ntohs(port_of(udp)));
  fflush(stdout);

  polled[STDIN_AT] = (struct pollfd){.fd = 0, .events = POLLIN};
  polled[UDP_AT] = (struct pollfd){.fd = udp, .events = POLLIN};
  polled[LISTENER_AT] = (struct pollfd){.fd = listener, .events = POLLIN};
  for (;;) {
    if (poll(polled, (nfds_t)(FIRST + count), -1) < 0) fail("poll");
    if (polled[STDIN_AT].revents) {
      uint8_t ignored[64];
      if (read(0, ignored, sizeof ignored) <= 0) return 0;
    }
    if (polled[UDP_AT].revents) serve_udp(udp);
    for (int i = count - 1; i >= 0; i--) {
      if (!polled[FIRST + i].revents || serve_tcp(polled[FIRST + i].fd, &connections[i])) continue;
      close(polled[FIRST + i].fd);
      count--;
      polled[FIRST + i] = polled[FIRST + count];
      connections[i] = connections[count];
    }
    if (polled[LISTENER_AT].revents) {
      int fd = accept(listener, NULL, NULL);
      if (fd < 0) continue;
      if (count == MAX_CONNECTIONS) {
        close(fd);
        continue;
      }
      struct timeval patience = {.tv_sec = 1};
      int yes = 1;
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      connections[count].have = 0;
      polled[FIRST + count] = (struct pollfd){.fd = fd, .events = POLLIN};
      count++;
    }
  }
}
