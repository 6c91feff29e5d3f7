package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"

	"github.com/riskd-io/riskd/pkg/policylog"
)

// policyLogFlags are the flags of the verbs that work with the installation's log of policies.
type policyLogFlags struct {
	broker                           brokerFlags
	identity                         string // as the broker knows it; "": it asks nobody
	author, reason, evidence, tenant string
	share                            float64
}

func (p *policyLogFlags) bind(fs *flag.FlagSet) {
	bindBroker(fs, &p.broker)
	fs.StringVar(&p.author, "author", "", "`who` changes policies, recorded as claimed; empty: who the broker says you are, or, where it asks nobody, you as this machine knows you")
	fs.StringVar(&p.reason, "reason", "", "`why`, for those who ask later; required by every change")
	fs.StringVar(&p.evidence, "evidence", "", "with push: what is `known` of the version, such as a backtest's result")
	fs.StringVar(&p.tenant, "tenant", "", "`tenant` whose policy is meant, where a version is not named; empty: that of all tenants without one of their own")
	fs.Float64Var(&p.share, "share", 100, "with activate: `percent` of the users")
}

// note names the author: whom the broker has authenticated, and otherwise what is claimed, which it says.
func (p *policyLogFlags) note() policylog.Note {
	author := p.identity
	if author == "" || p.author != "" {
		claim := p.author
		if claim == "" {
			if u, err := user.Current(); err == nil {
				claim = "os:" + u.Username
			}
		}
		if claim != "" {
			claim += " (claimed)"
		}
		if author != "" && claim != "" { // somebody known acts for another
			claim = author + " for " + claim
		}
		author = claim
	}
	return policylog.Note{Author: author, Reason: p.reason, Evidence: p.evidence}
}

// logVerbs need a running installation.
var logVerbs = map[string]func(context.Context, *policyLogFlags, *policylog.Book, io.Writer, []string) error{
	"push": pushPolicy, "approve": approvePolicy, "activate": activatePolicy, "rollback": rollbackPolicy, "history": policyHistory,
	"versions": policyVersions, "diff": diffPolicies, "get": getPolicy, "two-person": twoPerson,
}

// changing are the verbs that want a reason.
var changing = map[string]bool{"push": true, "approve": true, "activate": true, "rollback": true, "two-person": true}

func (p *policyLogFlags) run(ctx context.Context, verb string, out io.Writer, args []string) error {
	if changing[verb] && strings.TrimSpace(p.reason) == "" {
		return usageError("policy %s wants a -reason, such as -reason \"ticket 4711\": auditors ask for it", verb)
	}
	in, err := p.broker.open(ctx, "policy "+verb)
	if err != nil {
		return err
	}
	defer in.close()
	log, err := in.policies(ctx)
	if err != nil {
		return err
	}
	p.identity = in.identity(ctx)
	return logVerbs[verb](ctx, p, policylog.NewBook(log), out, args)
}

func pushPolicy(ctx context.Context, p *policyLogFlags, book *policylog.Book, out io.Writer, args []string) error {
	if len(args) != 1 {
		return usageError("want push FILE")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	f, c, err := book.Push(ctx, text, p.note())
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	fmt.Fprintf(out, "stored %s, change %d: %d rules, %d tests passed; nothing judges by it yet\n", c.Version, c.N, len(f.Rules), len(f.Tests))
	s, err := book.State(ctx)
	if err != nil {
		return err
	}
	next := "next: riskctl policy activate %s -reason ...\n"
	if s.TwoPerson {
		next = "next, by somebody else: riskctl policy approve %s -reason ...\n"
	}
	fmt.Fprintf(out, next, c.Version)
	return nil
}

// versionOf is the version that a word means: the whole name, its hash, or an id, which means the version of it pushed last.
func versionOf(s *policylog.State, tenant, word string) (policylog.Version, error) {
	for _, v := range s.Versions() {
		id, hash, _ := strings.Cut(v.Version, "@")
		if (tenant == "" || v.Tenant == tenant) && (v.Version == word || id == word || hash == word) {
			return v, nil
		}
	}
	return policylog.Version{}, fmt.Errorf("there is no version %s; riskctl policy versions lists them", word)
}

// named is the version that the one argument of a verb means.
func named(ctx context.Context, p *policyLogFlags, book *policylog.Book, verb string, args []string) (v policylog.Version, err error) {
	if len(args) != 1 {
		return v, usageError("want %s VERSION", verb)
	}
	s, err := book.State(ctx)
	if err != nil {
		return v, err
	}
	return versionOf(s, p.tenant, args[0])
}

func approvePolicy(ctx context.Context, p *policyLogFlags, book *policylog.Book, out io.Writer, args []string) error {
	v, err := named(ctx, p, book, "approve", args)
	if err != nil {
		return err
	}
	c, err := book.Approve(ctx, v.Tenant, v.Version, p.note())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s by %s is approved by %s, change %d\n", v.Version, v.Author, c.Author, c.N)
	return nil
}

func activatePolicy(ctx context.Context, p *policyLogFlags, book *policylog.Book, out io.Writer, args []string) error {
	v, err := named(ctx, p, book, "activate", args)
	if err != nil {
		return err
	}
	c, err := book.Activate(ctx, v.Tenant, v.Version, p.share, p.note())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "revision %d: %s judges %g %% of the users of %s, from each worker's next record on; before: %s\n", c.N, v.Version, c.Share, who(v.Tenant), orStart(c.Previous))
	return nil
}

func rollbackPolicy(ctx context.Context, p *policyLogFlags, book *policylog.Book, out io.Writer, args []string) error {
	if len(args) != 0 {
		return usageError("want rollback, and -tenant where it is not for all tenants: it goes back to what judged before")
	}
	c, err := book.Rollback(ctx, p.tenant, p.note())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "revision %d: %s judges %s again, from each worker's next record on; before: %s\n", c.N, orStart(c.Version), who(c.Tenant), c.Previous)
	return nil
}

func twoPerson(ctx context.Context, p *policyLogFlags, book *policylog.Book, out io.Writer, args []string) error {
	if len(args) != 1 || args[0] != "on" && args[0] != "off" {
		return usageError("want two-person on or two-person off")
	}
	if _, err := book.TwoPerson(ctx, args[0] == "on", p.note()); err != nil {
		return err
	}
	s, err := book.State(ctx)
	if err != nil {
		return err
	}
	switch {
	case args[0] == "off" && s.TwoPerson:
		fmt.Fprintln(out, "asked; it is off once somebody else does the same")
	case s.TwoPerson:
		fmt.Fprintln(out, "versions now need an approver who is not their author")
	default:
		fmt.Fprintln(out, "authors may put their own versions in force")
	}
	return nil
}

func who(tenant string) string {
	if tenant == "" {
		return "all tenants without a policy of their own"
	}
	return "tenant " + tenant
}

func orStart(version string) string { return orNone(version, "what riskd was started with") }
