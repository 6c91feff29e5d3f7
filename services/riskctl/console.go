package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/riskd-io/riskd/pkg/signin"
)

var consoleCommand = &command{
	name: "console", args: "user add|set|remove NAME, user list, link [NAME]", short: "who may use the console; a link that signs in once",
	long: `
Local users of the console, in console.users.json of the data folder. Changes count at once; a user who is removed, or whose
password is set, is signed out. Roles: viewer looks, analyst also acts (feedback, re-drive), admin also reads who looked
at what. The password is read from the first line of standard input, or made and printed with -generate.

  riskctl console -role analyst -generate user add ann
  riskctl console -role admin user set ann           another role; with a password on standard input, another password
  riskctl console user list
  riskctl console link                               prints an address that signs the first user in, once, within 5 minutes`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var c consoleUsers
		bindData(fs, &c.data)
		fs.StringVar(&c.file, "console-users", "", "`file` of the users; empty: console.users.json in the data folder")
		fs.StringVar(&c.role, "role", "", "viewer, analyst or admin")
		fs.BoolVar(&c.generate, "generate", false, "make a password and print it")
		fs.StringVar(&c.address, "console-url", "http://127.0.0.1:8481", "where the console is, for link")
		return c.run
	},
}

type consoleUsers struct {
	data, file, role, address string
	generate                  bool
}

// linkTime is how long a link is good for.
const linkTime = 5 * time.Minute

func (c *consoleUsers) run(_ context.Context, std streams, args []string) error {
	files := signin.FilesIn(c.data)
	if c.file != "" {
		files.Users = c.file
	}
	verb, name := "", ""
	switch {
	case len(args) >= 1 && len(args) <= 2 && args[0] == "link":
		verb, name = "link", signin.FirstUser
		if len(args) == 2 {
			name = args[1]
		}
	case len(args) == 2 && args[0] == "user" && args[1] == "list":
		verb = "list"
	case len(args) == 3 && args[0] == "user":
		verb, name = args[1], args[2]
	default:
		return usageError("want user add, set or remove with a name, user list, or link")
	}
	users, err := signin.OpenUsers(files.Users)
	if err != nil {
		return err
	}
	switch verb {
	case "list":
		return listUsers(std.out, users)
	case "link":
		return c.link(std.out, files, users, name)
	case "remove":
		return users.Remove(name)
	case "add", "set":
		return c.put(std, users, name, verb == "add")
	}
	return usageError("there is no user %s", verb)
}

func listUsers(out io.Writer, users *signin.Users) error {
	list, err := users.All()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, u := range list {
		fmt.Fprintf(table, "%s\t%s\tpassword of %s\n", u.Name, u.Role, u.Since.Format(time.DateOnly))
	}
	return table.Flush()
}

func (c *consoleUsers) put(std streams, users *signin.Users, name string, add bool) error {
	role := signin.Role(c.role)
	if add && role == "" {
		return usageError("give the new user a -role: viewer, analyst or admin")
	}
	password := ""
	switch {
	case c.generate:
		password = strings.ToLower(rand.Text())
	case add || role == "":
		if f, ok := std.in.(*os.File); ok && isTerminal(f) {
			fmt.Fprintln(std.err, "The password, which will be seen as you type it:")
		}
		line, err := bufio.NewReader(std.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading the password: %w", err)
		}
		if password = strings.TrimRight(line, "\r\n"); password == "" {
			return usageError("no password came on standard input; -generate makes one")
		}
	}
	if err := users.Put(name, role, password, add, time.Now()); err != nil {
		return err
	}
	if c.generate {
		_, err := fmt.Fprintln(std.out, password)
		return err
	}
	return nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// link prints an address that signs somebody in, once.
func (c *consoleUsers) link(out io.Writer, files signin.Files, users *signin.Users, name string) error {
	if _, err := users.Find(name); err != nil {
		return err
	}
	if _, err := os.Stat(files.Key); err != nil {
		return fmt.Errorf("riskd has not been started with %s yet: %w", c.data, err)
	}
	key, err := signin.Key(files.Key)
	if err != nil {
		return err
	}
	code, err := signin.Link(key, name, time.Now(), linkTime)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, strings.TrimSuffix(c.address, "/")+"/signin/link?code="+url.QueryEscape(code))
	return err
}
