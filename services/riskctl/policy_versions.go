package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/riskd-io/riskd/pkg/policylog"
)

func policyHistory(ctx context.Context, _ *policyLogFlags, book *policylog.Book, out io.Writer, args []string) error {
	if len(args) != 0 {
		return usageError("history takes no arguments")
	}
	s, err := book.State(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "N\tAT\tWHAT\tTENANT\tVERSION\tBY\tWHY")
	for i := range s.Changes {
		c := &s.Changes[i]
		what := string(c.Kind)
		if c.Kind == policylog.Activated && c.Share < 100 {
			what += fmt.Sprintf(" for %g %%", c.Share)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", c.N, c.At.Format(time.DateTime), what, orNone(c.Tenant, "all"), c.Version, c.Author, c.Reason)
	}
	return w.Flush()
}

func policyVersions(ctx context.Context, _ *policyLogFlags, book *policylog.Book, out io.Writer, args []string) error {
	if len(args) != 0 {
		return usageError("versions takes no arguments")
	}
	s, err := book.State(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "VERSION\tTENANT\tPUSHED\tBY\tAPPROVED BY\tIN FORCE\tWHY")
	for _, v := range s.Versions() {
		share := ""
		if a := s.Active(v.Tenant); a != nil {
			switch {
			case a.Version == v.Version:
				share = fmt.Sprintf("%g %%", a.Share)
			case a.Share < 100 && a.Rest == v.Version:
				share = fmt.Sprintf("%g %%", 100-a.Share)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Version, orNone(v.Tenant, "all"), v.PushedAt.Format(time.DateTime), v.Author, v.Approver, share, v.Reason)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if s.TwoPerson {
		fmt.Fprintln(out, "the two-person rule is on: a version needs an approver who is not its author")
	}
	return nil
}

func getPolicy(ctx context.Context, p *policyLogFlags, book *policylog.Book, out io.Writer, args []string) error {
	v, err := named(ctx, p, book, "get", args)
	if err != nil {
		return err
	}
	text, err := book.Text(ctx, v)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// diffPolicies compares two versions, or files; one argument is compared with what is in force for its tenant.
func diffPolicies(ctx context.Context, p *policyLogFlags, book *policylog.Book, out io.Writer, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return usageError("want diff VERSION or diff VERSION VERSION; a file is one, too")
	}
	s, err := book.State(ctx)
	if err != nil {
		return err
	}
	tenant := p.tenant
	text := func(word string) (string, error) {
		if data, err := os.ReadFile(word); err == nil || !errors.Is(err, os.ErrNotExist) {
			return string(data), err
		}
		v, err := versionOf(s, p.tenant, word)
		if err != nil {
			return "", err
		}
		tenant = v.Tenant
		data, err := book.Text(ctx, v)
		return string(data), err
	}
	after, err := text(args[len(args)-1])
	if err != nil {
		return err
	}
	from := ""
	if len(args) == 2 {
		from = args[0]
	} else if a := s.Active(tenant); a != nil {
		from = a.Version
	} else {
		return fmt.Errorf("nothing has been activated for %s; name two versions", who(tenant))
	}
	before, err := text(from)
	if err != nil {
		return err
	}
	if before == after {
		fmt.Fprintf(out, "%s is the same text as %s\n", args[len(args)-1], from)
		return nil
	}
	fmt.Fprintf(out, "--- %s\n+++ %s\n", from, args[len(args)-1])
	for _, l := range policylog.Diff(before, after) {
		fmt.Fprintf(out, "%c%s\n", l.Kind, l.Text)
	}
	return nil
}
