// Package lint holds the rules of this repository as tests: the core stays pure, imports point
// one way, names and sizes keep to the house. It reads the whole workspace from the folder of
// go.work down, so running it in one module checks all of them.
//
// It has no code of its own to import. A rule that is wrong is changed here, in a commit that
// says why; nothing in the checked code can switch a rule off.
package lint
