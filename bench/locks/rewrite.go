package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// rewritePackage rewrites the files of a directory and returns names with
// those of its mutexes appended.
func rewritePackage(dir string, names []string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text, found, err := rewrite(file, string(source), len(names))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			continue
		}
		names = append(names, found...)
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// rewrite puts lockcount's type number first, first+1, ... in the place of each
// mutex of a file, and returns their names: package, type or function, field.
func rewrite(file, source string, first int) (string, []string, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, source, 0)
	if err != nil {
		return "", nil, err
	}
	var names []string
	var out strings.Builder
	end := fset.Position(parsed.Name.End()).Offset
	out.WriteString(source[:end])
	fmt.Fprint(&out, "; import \"github.com/smtpace/smtpace/internal/lockcount\"")
	var around []ast.Node
	ast.Inspect(parsed, func(n ast.Node) bool {
		if n == nil {
			around = around[:len(around)-1]
			return true
		}
		if sel, ok := n.(*ast.SelectorExpr); ok && isMutex(sel) {
			out.WriteString(source[end:fset.Position(sel.Pos()).Offset])
			fmt.Fprintf(&out, "lockcount.Mutex%d", first+len(names))
			end = fset.Position(sel.End()).Offset
			names = append(names, mutexName(parsed.Name.Name, around))
		}
		around = append(around, n)
		return true
	})
	out.WriteString(source[end:])
	out.WriteString("\nvar _ sync.Locker\n") // sync may have no other use left
	return out.String(), names, nil
}

func isMutex(sel *ast.SelectorExpr) bool {
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == "sync" && (sel.Sel.Name == "Mutex" || sel.Sel.Name == "RWMutex")
}

// mutexName joins the names of what is around a mutex.
func mutexName(pkg string, around []ast.Node) string {
	name := pkg
	for _, n := range around {
		switch n := n.(type) {
		case *ast.TypeSpec:
			name += "." + n.Name.Name
		case *ast.FuncDecl:
			name += "." + n.Name.Name
		case *ast.ValueSpec:
			name += "." + n.Names[0].Name
		case *ast.Field:
			if len(n.Names) > 0 {
				name += "." + n.Names[0].Name
			}
		}
	}
	return name
}

// counter returns the source of the package lockcount.
func counter(names []string) string {
	var out strings.Builder
	out.WriteString(counterHead)
	fmt.Fprintf(&out, "\nvar names = [...]string{")
	for _, name := range names {
		fmt.Fprintf(&out, "%q, ", name)
	}
	fmt.Fprintf(&out, "}\n\nvar counts [%d]count\n", len(names))
	for i := range names {
		fmt.Fprintf(&out, counterType, i)
	}
	return out.String()
}

// hook makes cost count between reset and report.
const hook = `package main

import (
	"os"

	"github.com/smtpace/smtpace/internal/lockcount"
)

func init() {
	reset, report = lockcount.Reset, lockcount.Report
	lockcount.Busy = lockcount.Timed && len(os.Args) > 1 && os.Args[1] == "wait"
}
`

// clocks are the sources of the clock of a thread, by the ends of their names.
var clocks = map[string]string{
	"linux": `package lockcount

import (
	"syscall"
	"unsafe"
)

// Timed reports whether threads have a clock of their own.
const Timed = true

// threadTime returns the time that the thread has run, in ns.
func threadTime() int64 {
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID
	var t syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadClock, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}
`,
	"other": `//go:build !linux

package lockcount

const Timed = false

func threadTime() int64 { return 0 }
`,
}

// counterType is one mutex. Its RWMutex makes it fit for both kinds; its
// readers' holds are not timed, for they keep only writers out.
const counterType = `
type Mutex%[1]d struct {
	mu    sync.RWMutex
	since instant
}

func (m *Mutex%[1]d) Lock() { start := time.Now(); m.mu.Lock(); m.since = counts[%[1]d].locked(start) }
func (m *Mutex%[1]d) Unlock() { counts[%[1]d].unlocked(m.since); m.mu.Unlock() }
func (m *Mutex%[1]d) RLock() { start := time.Now(); m.mu.RLock(); counts[%[1]d].shared(start) }
func (m *Mutex%[1]d) RUnlock() { m.mu.RUnlock() }
func (m *Mutex%[1]d) TryLock() bool {
	start := time.Now()
	ok := m.mu.TryLock()
	if ok {
		m.since = counts[%[1]d].locked(start)
	}
	return ok
}
`

const counterHead = `package lockcount

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Busy has the processor's time of a hold taken as well. The goroutine keeps its
// thread meanwhile, whose clock stands still while others run.
var Busy bool

// count holds the figures of one mutex; the times are in ns.
type count struct{ n, waited, longest, busiest atomic.Int64 }

// instant is the beginning of a hold.
type instant struct {
	at   time.Time
	busy int64 // time that the thread has run by then; -1 when it is not taken
}

func (c *count) locked(start time.Time) instant {
	since := instant{time.Now(), -1}
	if Busy {
		runtime.LockOSThread()
		since.busy = threadTime()
	}
	c.n.Add(1)
	c.waited.Add(int64(since.at.Sub(start)))
	return since
}

func (c *count) shared(start time.Time) {
	c.n.Add(1)
	c.waited.Add(int64(time.Since(start)))
}

func (c *count) unlocked(since instant) {
	if since.busy >= 0 {
		raise(&c.busiest, threadTime()-since.busy)
		runtime.UnlockOSThread()
	}
	raise(&c.longest, int64(time.Since(since.at)))
}

func raise(longest *atomic.Int64, held int64) {
	for {
		known := longest.Load()
		if held <= known || longest.CompareAndSwap(known, held) {
			return
		}
	}
}

func Reset() {
	for i := range counts {
		counts[i].n.Store(0)
		counts[i].waited.Store(0)
		counts[i].longest.Store(0)
		counts[i].busiest.Store(0)
	}
}

func Report(messages int) {
	row := func(name string, n, waited, longest, busiest int64) {
		fmt.Printf("%-36s %8.2f per message, waited %8.2f us per message, longest hold %9.3f ms", name,
			float64(n)/float64(messages), float64(waited)/1e3/float64(messages), float64(longest)/1e6)
		if Busy {
			fmt.Printf(", %9.3f ms of the processor", float64(busiest)/1e6)
		}
		fmt.Println()
	}
	var all, waited, longest, busiest int64
	for i, name := range names {
		c := &counts[i]
		if n := c.n.Load(); n > 0 {
			row(name, n, c.waited.Load(), c.longest.Load(), c.busiest.Load())
			all, waited = all+n, waited+c.waited.Load()
			longest, busiest = max(longest, c.longest.Load()), max(busiest, c.busiest.Load())
		}
	}
	row("all", all, waited, longest, busiest)
}
`
