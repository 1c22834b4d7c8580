package throttle

import (
	"fmt"
	"os"
	"time"
)

var tracing = os.Getenv("TRACE") != ""
var traceStart time.Time

func trace(now time.Time, format string, args ...any) {
	if !tracing {
		return
	}
	if traceStart.IsZero() {
		traceStart = now
	}
	fmt.Printf("%9.3f ", now.Sub(traceStart).Seconds())
	fmt.Printf(format+"\n", args...)
}
