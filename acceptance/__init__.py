"""One command that proves a deployment on a real account: it applies, scales, checks, measures and destroys.

`python -m acceptance` (`make acceptance`) is the command; docs/acceptance.md says what it does and what it takes.

- `account`: where it runs, and whether that is AWS; `consent`: what it will cost, and the question;
- `root`: the Terraform root that it applies, in a folder that is kept; `terraform`: its commands;
- `stack`: what was applied, as the steps see it; `waiting`: every wait, with its bound; `load`: traffic while it waits;
- `walk`: the steps in order, and the destroy at the end whatever happens; `scaling`, `trust`, `healing`: the steps;
- `diagnosis`: why something did not happen, in a sentence;
- `probe`, `measurements`: what AWS does not document, measured; `leftovers`: that nothing is left;
- `report`: the page and the JUnit file; `policy`: what whoever runs it has to be allowed; `rehearsal`: all of it on a
  local AWS, in virtual time.
"""
