#include "app/run.h"

int main(int argc, char** argv) { return tollgate::app::run({argv + 1, argv + argc}); }
