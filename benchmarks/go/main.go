// The Go side of the benchmark: a fresh SRV lookup with miekg/dns, addresses included.
//
// It speaks the protocol of clients.py on stdin and stdout: "show" prints what one lookup
// finds, "run K" does K lookups and prints the median wall time and the mean CPU time of
// one, in nanoseconds. Process start does not count.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

const payload = 1232 // the EDNS size headless_discovery announces too

type endpoint struct {
	address  net.IP
	hostname string
	port     uint16
}

type client struct {
	name, server string
	udp, tcp     dns.Client
	tcpFirst     bool
}

func (c *client) look() ([]endpoint, error) {
	query := new(dns.Msg)
	query.SetQuestion(c.name, dns.TypeSRV)
	query.SetEdns0(payload, false)
	var reply *dns.Msg
	var err error
	if !c.tcpFirst {
		reply, _, err = c.udp.Exchange(query, c.server)
	}
	if c.tcpFirst || (err == nil && reply.Truncated) {
		reply, _, err = c.tcp.Exchange(query, c.server)
	}
	if err != nil {
		return nil, err
	}
	if reply.Rcode != dns.RcodeSuccess {
		return nil, fmt.Errorf("the server answered %s", dns.RcodeToString[reply.Rcode])
	}
	addresses := make(map[string]net.IP, len(reply.Extra))
	for _, record := range reply.Extra {
		if a, ok := record.(*dns.A); ok {
			addresses[a.Hdr.Name] = a.A
		}
	}
	found := make([]endpoint, 0, len(reply.Answer))
	for _, record := range reply.Answer {
		if srv, ok := record.(*dns.SRV); ok {
			found = append(found, endpoint{addresses[srv.Target], srv.Target, srv.Port})
		}
	}
	return found, nil
}

func (c *client) show() (string, error) {
	found, err := c.look()
	if err != nil {
		return "", err
	}
	texts := make([]string, len(found))
	for i, each := range found {
		hostname := strings.TrimSuffix(each.hostname, ".")
		texts[i] = fmt.Sprintf("%s,%s,%d", each.address, hostname, each.port)
	}
	slices.Sort(texts)
	return strings.Join(texts, " "), nil
}

func (c *client) run(count int) (string, error) {
	walls := make([]int64, count)
	before := cpu()
	for i := range walls {
		start := time.Now()
		if _, err := c.look(); err != nil {
			return "", err
		}
		walls[i] = time.Since(start).Nanoseconds()
	}
	used := (cpu() - before) / int64(count)
	slices.Sort(walls)
	return fmt.Sprintf("%d %d", walls[count/2], used), nil
}

// cpu is the CPU time of this process, all threads, in nanoseconds.
func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func serve(c *client, command string) (string, error) {
	word, rest, _ := strings.Cut(command, " ")
	switch word {
	case "show":
		return c.show()
	case "run":
		count, err := strconv.Atoi(rest)
		if err != nil || count < 1 {
			return "", fmt.Errorf("%q is no number of lookups", rest)
		}
		return c.run(count)
	}
	return "", fmt.Errorf("there is no command %q", word)
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: miekg | miekg-tcp, port, name")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(1)
	c := &client{
		name:     dns.Fqdn(os.Args[3]),
		server:   net.JoinHostPort("127.0.0.1", os.Args[2]),
		udp:      dns.Client{Net: "udp"},
		tcp:      dns.Client{Net: "tcp"},
		tcpFirst: os.Args[1] == "miekg-tcp",
	}
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		line, err := serve(c, commands.Text())
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(line)
	}
}
