// Package monitor shows the work of a Sender on a web page: the destinations that hold
// mail back and the reasons, the pace of each, the lessons of its last refusals, and
// the time at which it will be done.
//
//	page := monitor.Handler(sender, monitor.Options{})
//	defer page.Close()
//	http.Handle("/mail/", http.StripPrefix("/mail", page))
//
// The page works under any path that ends in a slash. It needs nothing but this
// handler: its script and styles are embedded, and no other host is asked for
// anything. It is sent with a Content-Security-Policy that allows no inline script,
// and all text that came from a server is shown as text.
//
// Whoever can open the page can read the names of destinations and relays and the
// replies of servers. The handler checks no login: mount it behind what guards your
// other pages, or on a loopback address. Nothing can be changed through it unless
// Options.Actions is set.
package monitor
