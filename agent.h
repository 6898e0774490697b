/* agent - `egret run`: taps, follows, judges, stores and serves until it is told to stop. */
#ifndef AGENT_H
#define AGENT_H

int verb_run(int argc, char **argv);

#endif
