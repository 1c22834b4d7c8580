package smtpace

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
)

// groupServer is a receiver that sees which lines came together, and so can fail as
// servers, proxies and firewalls do that offer PIPELINING and cannot do it.
type groupServer struct {
	offers string // lines of the reply to EHLO behind the first
	fault  groupFault
	bad    func(conn int) bool // whether a connection meets the server that fails; nil: each does

	mu     sync.Mutex
	conns  int
	faults int            // groups that it failed at
	stored map[string]int // copies by recipient
}

// groupFault decides about lines that came together. It is called for each group with at
// least two commands.
type groupFault func(group []string) (does groupDoes)

// groupDoes says what a server does with a group. The zero value handles it.
type groupDoes struct {
	fails bool
	lines int           // the number of lines that are handled
	end   bool          // the connection ends then
	late  time.Duration // before each answer
	extra string        // said behind the last answer
	held  bool          // the last answer is said only with the next group
}

func (g *groupServer) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	g.mu.Lock()
	g.conns++
	n := g.conns
	g.mu.Unlock()
	go g.serve(far, g.bad == nil || g.bad(n))
	return near, nil
}

// serve serves a connection, a group at a time.
func (g *groupServer) serve(conn net.Conn, bad bool) {
	defer conn.Close()
	s := groupSession{server: g, conn: conn}
	fmt.Fprint(conn, "220 mx\r\n")
	buf, rest := make([]byte, 1<<16), ""
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		group := strings.SplitAfter(rest+string(buf[:n]), "\r\n")
		rest, group = group[len(group)-1], group[:len(group)-1]
		var does groupDoes
		if bad && s.commands(group) > 1 {
			does = g.fault(group)
		}
		if !does.fails {
			does = groupDoes{lines: len(group)}
		} else {
			g.mu.Lock()
			g.faults++
			g.mu.Unlock()
		}
		if !s.handle(group[:does.lines], does) || does.end {
			return
		}
	}
}

// groupSession is the state of one connection.
type groupSession struct {
	server *groupServer
	conn   net.Conn
	inBody bool
	to     []string
	held   string
}

// commands returns the number of commands of a group, without the text of a message. The
// dot counts for one.
func (s *groupSession) commands(group []string) (n int) {
	inBody := s.inBody
	for _, line := range group {
		if inBody = inBody && line != ".\r\n"; !inBody {
			n++
		}
	}
	return n
}

// handle answers lines, and reports whether the connection goes on.
func (s *groupSession) handle(lines []string, does groupDoes) bool {
	out := s.held
	s.held = ""
	for i, line := range lines {
		said := s.answer(strings.TrimSuffix(line, "\r\n"))
		if said != "" && does.late > 0 {
			time.Sleep(does.late)
		}
		if said != "" && does.held && i == len(lines)-1 {
			s.held = said + "\r\n"
		} else if said != "" {
			out += said + "\r\n"
		}
	}
	if _, err := fmt.Fprint(s.conn, out+does.extra); err != nil {
		return false
	}
	return !strings.HasPrefix(out, "221")
}

// answer returns the reply to a line, "" within a message.
func (s *groupSession) answer(line string) string {
	if s.inBody {
		if line != "." {
			return ""
		}
		s.inBody = false
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		for _, to := range s.to {
			s.server.stored[to]++
		}
		s.to = nil
		return "250 stored"
	}
	verb, arg, _ := strings.Cut(line, " ")
	switch verb {
	case "EHLO":
		return "250-mx\r\n" + s.server.offers
	case "QUIT":
		return "221 bye"
	case "RCPT":
		s.to = append(s.to, arg)
	case "DATA":
		if len(s.to) == 0 {
			return "503 no recipients"
		}
		s.inBody = true
		return "354 go"
	case "RSET", "MAIL":
		s.to = nil
	}
	return "250 ok"
}

func hasLine(group []string, prefix string) int {
	for i, line := range group {
		if strings.HasPrefix(line, prefix) {
			return i
		}
	}
	return -1
}

// TestServersThatCannotPipeline offer it all the same. Mail is delivered once, and one
// command at a time soon enough, also where one of two servers behind the name can do it.
func TestServersThatCannotPipeline(t *testing.T) {
	behindDot := func(group []string) int { return hasLine(group, ".\r\n") + 1 } // 0: there is none
	rcpts := func(group []string) int { return strings.Count(strings.Join(group, ""), "RCPT TO") }
	for _, tt := range []struct {
		name       string
		recipients int
		fault      groupFault
		within     time.Duration // of virtual time
	}{
		{"ends at once", 1, func([]string) groupDoes { return groupDoes{fails: true, end: true} }, time.Minute},
		{"ends behind the first answer", 1, func([]string) groupDoes { return groupDoes{fails: true, lines: 1, end: true} }, time.Minute},
		{"answers the first alone", 1, func([]string) groupDoes { return groupDoes{fails: true, lines: 1} }, 10 * time.Minute},
		{"answers nothing", 1, func([]string) groupDoes { return groupDoes{fails: true} }, 10 * time.Minute},
		{"answers all but the last", 3, func(g []string) groupDoes { return groupDoes{fails: true, lines: len(g) - 1} }, 10 * time.Minute},
		{"ends beyond 200 bytes", 10, func(g []string) groupDoes {
			return groupDoes{fails: len(strings.Join(g, "")) > 200, end: true}
		}, time.Minute},
		{"falls silent beyond 20 recipients", 30, func(g []string) groupDoes { return groupDoes{fails: rcpts(g) > 20, lines: 20} }, 10 * time.Minute},
		{"ends beyond 20 recipients", 30, func(g []string) groupDoes { return groupDoes{fails: rcpts(g) > 20, lines: 20, end: true} }, time.Minute},
		{"forgets a DATA that came early", 2, func(g []string) groupDoes {
			return groupDoes{fails: hasLine(g, "DATA") > 0, lines: len(g) - 1}
		}, 10 * time.Minute},
		{"ends at a DATA that came early", 2, func(g []string) groupDoes {
			return groupDoes{fails: hasLine(g, "DATA") > 0, lines: len(g) - 1, end: true}
		}, time.Minute},
		{"forgets what is behind a dot", 2, func(g []string) groupDoes {
			return groupDoes{fails: behindDot(g) > 0, lines: behindDot(g)}
		}, 15 * time.Minute},
		{"ends behind a dot with more", 2, func(g []string) groupDoes {
			return groupDoes{fails: behindDot(g) > 0, lines: behindDot(g), end: true}
		}, time.Minute},
		{"ends before the answer to a dot with more", 2, func(g []string) groupDoes {
			return groupDoes{fails: behindDot(g) > 0, lines: behindDot(g) - 1, end: true}
		}, 15 * time.Minute},
		{"holds the last answer back until more comes", 1, func(g []string) groupDoes {
			return groupDoes{fails: true, lines: len(g), held: true}
		}, 30 * time.Minute},
		{"answers once too often", 1, func(g []string) groupDoes {
			return groupDoes{fails: hasLine(g, "MAIL") >= 0, lines: len(g) - 1, extra: "250 ok\r\n250 ok\r\n"}
		}, time.Minute},
		{"refuses DATA", 1, func(g []string) groupDoes {
			return groupDoes{fails: hasLine(g, "DATA") > 0, lines: len(g) - 1, extra: "503 bad sequence\r\n"}
		}, time.Minute},
		{"answers each after 20 s", 1, func(g []string) groupDoes {
			return groupDoes{fails: true, lines: len(g), late: 20 * time.Second}
		}, time.Hour},
	} {
		for k, servers := range []string{"one server", "the first of two", "the second of two"} {
			t.Run(tt.name+", "+servers, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					g := &groupServer{offers: "250-PIPELINING\r\n250 8BITMIME", fault: tt.fault, stored: map[string]int{}}
					relay := Relay{Addr: "mx.test:25", TLS: pool.TLSNone, DialContext: g.dial}
					relay.Limits.Connections = 1
					if k > 0 {
						g.bad = func(conn int) bool { return conn%2 == k%2 }
						relay.Limits.MessagesPerConnection = 3
					}
					cannotPipeline(t, g, relay, tt.recipients, tt.within)
				})
			})
		}
	}
}

// cannotPipeline sends 30 messages to a relay at such a server.
func cannotPipeline(t *testing.T, g *groupServer, relay Relay, recipients int, most time.Duration) {
	s := newSender(t, Config{Relays: []Relay{relay}})
	var got results
	start := time.Now()
	for i := range 30 {
		var to []string
		for k := range recipients {
			to = append(to, fmt.Sprintf("%d-%d@x.example", i, k))
		}
		if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), to...), got.done); err != nil {
			t.Fatal(err)
		}
	}
	for got.count(Delivered) < 30*recipients && time.Since(start) < 24*time.Hour {
		time.Sleep(time.Second)
	}
	within(t, start, most)
	g.mu.Lock()
	defer g.mu.Unlock()
	copies := 0
	for _, n := range g.stored {
		copies += n
	}
	if n := got.count(Delivered); n != 30*recipients || copies != n {
		t.Errorf("%d of %d delivered, %d refused, %d copies arrived", n, 30*recipients, got.count(Refused), copies)
	}
	if g.faults > 15 && most < time.Hour {
		t.Errorf("it failed %d times on %d connections", g.faults, g.conns)
	}
}
