package simulate

import "strconv"

// step is one kind of action in a piece of work.
type step struct {
	app, action, kind string
	// pool is how many different things of this kind a company has.
	pool     int
	sens     string
	min, max int    // repetitions
	bytes    *curve // payload size, nil for none
}

// task is a piece of work: its steps in order, as people do them.
type task struct {
	name  string
	steps []step
}

var (
	smallFile = curve{200, 800, 2e3, 4e3, 7e3, 12e3, 22e3, 40e3, 90e3, 300e3, 2e6}
	bigFile   = curve{40e3, 90e3, 200e3, 350e3, 600e3, 1e6, 1.8e6, 3e6, 6e6, 14e6, 60e6}

	mail = task{"mail", []step{
		{"portal", "resource.list", "mailbox", 1, "", 1, 1, nil},
		{"portal", "resource.read", "mail", 9000, "", 1, 6, &smallFile},
		{"portal", "resource.create", "mail", 9000, "", 0, 2, &smallFile},
	}}
	glance = task{"glance", []step{
		{"portal", "resource.list", "mailbox", 1, "", 1, 1, nil},
		{"portal", "resource.read", "mail", 9000, "", 0, 3, &smallFile},
	}}
	docs = task{"docs", []step{
		{"portal", "resource.search", "document", 1, "internal", 0, 2, nil},
		{"portal", "resource.read", "document", 4000, "internal", 1, 3, &smallFile},
		{"portal", "resource.update", "document", 4000, "internal", 0, 4, &smallFile},
	}}
	crm = task{"crm", []step{
		{"crm", "resource.search", "customer", 1, "internal", 1, 2, nil},
		{"crm", "resource.read", "customer", 20000, "internal", 1, 5, &smallFile},
		{"crm", "resource.update", "customer", 20000, "internal", 0, 2, nil},
	}}
	tickets = task{"tickets", []step{
		{"desk", "resource.list", "ticket", 1, "internal", 1, 1, nil},
		{"desk", "resource.read", "ticket", 30000, "internal", 1, 5, &smallFile},
		{"desk", "resource.update", "ticket", 30000, "internal", 1, 3, nil},
	}}
	code = task{"code", []step{
		{"code", "resource.read", "repository", 120, "internal", 1, 4, &smallFile},
		{"code", "resource.update", "repository", 120, "internal", 0, 3, &smallFile},
		{"code", "resource.create", "build", 1, "internal", 0, 1, nil},
		{"code", "resource.read", "build", 5000, "internal", 0, 4, &smallFile},
	}}
	report = task{"report", []step{
		{"crm", "resource.read", "report", 300, "internal", 1, 3, &smallFile},
		{"crm", "resource.export", "report", 300, "internal", 0, 1, &bigFile},
	}}
	ledger = task{"ledger", []step{
		{"books", "resource.search", "invoice", 1, "internal", 0, 2, nil},
		{"books", "resource.read", "invoice", 15000, "internal", 1, 6, &smallFile},
		{"books", "resource.update", "invoice", 15000, "internal", 0, 3, nil},
	}}
	payroll = task{"payroll", []step{
		{"payroll", "resource.list", "payroll", 1, "internal", 1, 1, nil},
		{"payroll", "resource.read", "payroll", 40, "restricted", 1, 3, &smallFile},
		{"payroll", "resource.export", "payroll", 40, "restricted", 0, 1, &bigFile},
	}}
	staff = task{"staff", []step{
		{"people", "resource.search", "employee", 1, "internal", 1, 1, nil},
		{"people", "resource.read", "employee", 3000, "restricted", 1, 3, &smallFile},
		{"people", "resource.update", "employee", 3000, "restricted", 0, 1, nil},
	}}
	newKey = task{"key", []step{
		{"admin", "resource.list", "apikey", 1, "internal", 1, 1, nil},
		{"admin", "apikey.create", "apikey", 1, "critical", 1, 1, nil},
	}}
	grant = task{"grant", []step{
		{"admin", "resource.read", "role", 60, "internal", 1, 2, nil},
		{"admin", "role.grant", "role", 60, "critical", 1, 1, nil},
	}}
	newFactor = task{"factor", []step{
		{"portal", "resource.read", "profile", 1, "internal", 1, 1, nil},
		{"portal", "account.mfa_change", "profile", 1, "critical", 1, 1, nil},
	}}
	newPassword = task{"password", []step{
		{"portal", "account.password_change", "profile", 1, "internal", 1, 1, nil},
	}}
)

// duty is how often a role does a task.
type duty struct {
	task   *task
	weight float64
}

var duties = [numRoles][]duty{
	engineer: {{&code, 50}, {&mail, 22}, {&docs, 16}, {&tickets, 9}, {&newKey, 0.35}, {&newFactor, 0.05}, {&newPassword, 0.15}},
	sales:    {{&crm, 48}, {&mail, 32}, {&docs, 10}, {&report, 6}, {&newFactor, 0.05}, {&newPassword, 0.15}},
	finance:  {{&ledger, 46}, {&mail, 24}, {&docs, 12}, {&report, 9}, {&payroll, 2.2}, {&newFactor, 0.05}, {&newPassword, 0.15}},
	support:  {{&tickets, 58}, {&crm, 16}, {&mail, 18}, {&docs, 6}, {&newFactor, 0.05}, {&newPassword, 0.15}},
	people:   {{&mail, 34}, {&docs, 30}, {&staff, 6}, {&payroll, 0.8}, {&newFactor, 0.05}, {&newPassword, 0.15}},
	admin:    {{&tickets, 34}, {&docs, 22}, {&mail, 20}, {&code, 14}, {&grant, 1.6}, {&newKey, 1.2}, {&newFactor, 0.1}, {&newPassword, 0.15}},
}

// draw picks a task for a person at work; on a phone people mostly look at their mail.
func (p *person) draw(r *rng, phone bool) *task {
	if phone && r.chance(0.72) {
		return &glance
	}
	list := duties[p.role]
	sum := 0.0
	for _, d := range list {
		sum += d.weight
	}
	x := r.float() * sum
	for _, d := range list {
		if x -= d.weight; x < 0 {
			return d.task
		}
	}
	return list[0].task
}

// thing names one of a pool. People come back to a few of them, so the draw is uneven.
func (s *step) thing(r *rng, p *person) string {
	if s.pool <= 1 {
		return s.kind
	}
	n := r.below(s.pool)
	if r.chance(0.7) { // his own corner of the pool
		n = (p.idx*7919 + r.below(min(s.pool, 24))) % s.pool
	}
	return s.kind + "-" + strconv.Itoa(n)
}
