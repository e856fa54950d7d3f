export { findSmoothingSites, smoothingFactors, smoothSite, type SmoothingSite } from './smoothLayers';
