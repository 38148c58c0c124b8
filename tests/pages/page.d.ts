/** What scripts of pages share. */
declare interface Window {
  heldout: any;
  uPlot: any;
}
